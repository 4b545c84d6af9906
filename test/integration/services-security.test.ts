import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Authority, certificateAuthority, writeIdentity } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { pairs, smallModel } from './services.fixture.ts';

/** The services as processes, each with a certificate and a token of its own, as somebody would deploy them. */

const TOKENS = { optimizer: 'o'.repeat(32), scorer: 's'.repeat(32), operator: 'p'.repeat(32), reader: 'r'.repeat(32) };
const ACCESS = `
control,read       token ${TOKENS.optimizer}
read               token ${TOKENS.scorer}
control,read,score token ${TOKENS.operator}
read               token ${TOKENS.reader}
`;
const RUN = { objective: 'simpo', learningRate: 0.01, batchSize: 4, steps: 2, shards: 2, loraRank: 2 };

test('a run over mutual TLS with tokens ends, is exported by whoever may, and by nobody else', async () => {
  const folder = await temporaryFolder();
  const authority = await certificateAuthority();
  const model = await smallModel();
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const ca = await file('ca.pem', authority.certificate);
  const tls = async (name: string, by: Authority = authority) => {
    const { certificate, key } = await writeIdentity(folder, name, await by.issue());
    return ['--tls', 'mutual', '--tls-cert', certificate, '--tls-key', key, '--tls-ca', ca];
  };
  const identity = async (name: keyof typeof TOKENS) => [
    ...(await tls(name)),
    ...['--token-file', await file(`${name}.token`, `${TOKENS[name]}\n`)],
  ];
  const access = ['--access-file', await file('access', ACCESS)];
  const run = await file('run.yaml', JSON.stringify(RUN));
  const data = await file(
    'pairs.jsonl',
    pairs(8)
      .map((pair) => JSON.stringify(pair))
      .join('\n'),
  );
  const log = ['--log', join(folder, 'log.sqlite')];
  const optimizerAddress = `127.0.0.1:${await freePort()}`;

  await using scorer = new ServiceProcess([
    ...['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'],
    ...['--optimizer', optimizerAddress, ...(await identity('scorer')), ...access],
  ]);
  await using tokenizer = new ServiceProcess([
    ...['serve', 'tokenizer', '--model', model, '--run', run, '--address', '127.0.0.1:0', ...log],
    ...[...(await tls('tokenizer')), ...access],
  ]);
  await tokenizer.address();
  await using optimizer = new ServiceProcess([
    ...['serve', 'optimizer', '--model', model, '--run', run, '--address', optimizerAddress, ...log],
    ...['--scorers', await scorer.address(), '--folder', join(folder, 'state')],
    ...[...(await identity('optimizer')), ...access],
  ]);
  await using producer = new ServiceProcess(['produce', ...log, '--data', data, '--end']);
  expect(await producer.exited()).toBe(0);
  await optimizer.event(({ event }) => event === 'run.finished');

  const exporting = async (...options: string[]) => {
    await using exporter = new ServiceProcess([
      'export',
      '--optimizer',
      optimizerAddress,
      '--name',
      'last',
      ...options,
    ]);
    return { code: await exporter.exited(), output: exporter.output };
  };
  const operator = await identity('operator');
  expect(await exporting(...(await identity('reader')))).toMatchObject({
    code: 1,
    output: expect.stringContaining('needs the scope control'),
  });
  expect(await exporting(...(await tls('stranger')))).toMatchObject({
    code: 1,
    output: expect.stringContaining('no token'),
  });
  const other = await tls('outsider', await certificateAuthority('other'));
  expect(await exporting(...other)).toMatchObject({ code: 1 });
  expect(await exporting()).toMatchObject({ code: 1 });
  expect(await exporting(...operator)).toMatchObject({ code: 0, output: expect.stringContaining('exports/last') });

  const told = JSON.stringify([optimizer, scorer, tokenizer].map(({ events, output }) => [events, output]));
  for (const token of Object.values(TOKENS)) expect(told).not.toContain(token);
  for (const service of [optimizer, scorer, tokenizer]) expect(await service.stop('SIGTERM')).toBe(0);
});
