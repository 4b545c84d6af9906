import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import {
  DescribeSamplerResponse,
  type GenerateRequest,
  GenerateResponse,
  OptimizerServiceDefinition,
  SamplerServiceDefinition,
  WatchStepsResponse,
} from '@alphapo/contracts';
import { Handlers, RpcSecurity, RpcServer } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { certificateAuthority, writeIdentity } from '../../../test/support/certificates.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openOptimizer, openSampler } from './index.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const TOKEN = 't'.repeat(32);

/** An optimizer that answers `checkpoint` and `watchSteps`, keeps `export` waiting and has nothing else. */
async function serve(environment: Readonly<Record<string, string>> = {}) {
  const handlers = new Handlers(logger);
  const absent = handlers.unary(() => Promise.reject(new AlphapoError('not-found', 'ABSENT', 'there is none')));
  const names: string[] = [];
  const implementation = {
    ...{ getStatus: absent, getPolicy: absent, pause: absent, resume: absent },
    checkpoint: handlers.unary(async () => ({ step: 3n, name: 'step-3' })),
    export: handlers.unary(({ name }: { name: string }) => {
      names.push(name);
      return new Promise<never>(() => {});
    }),
    watchSteps: handlers.serverStream(async function* ({ fromStep }: { fromStep: bigint }) {
      for (let step = fromStep; step < fromStep + 3n; step++) yield WatchStepsResponse.fromPartial({ step });
    }),
  };
  const services = [{ definition: OptimizerServiceDefinition, implementation }];
  const security = await RpcSecurity.fromSettings({ environment }, { logger });
  const server = await RpcServer.start({ address: '127.0.0.1:0', services, handlers, drainMs: 10, security });
  return { server, names, address: server.address };
}

test('methods answer, and streams are read in a loop', async () => {
  const { server, address } = await serve();
  await using _ = server;
  using optimizer = await openOptimizer(address);
  expect(await optimizer.checkpoint({})).toEqual({ step: 3n, name: 'step-3' });
  const steps: bigint[] = [];
  for await (const { step } of optimizer.watchSteps({ fromStep: 5n })) steps.push(step);
  expect(steps).toEqual([5n, 6n, 7n]);
});

test('a sampler streams its answers', async () => {
  const handlers = new Handlers(logger);
  const implementation = {
    describeSampler: handlers.unary(async () => DescribeSamplerResponse.fromPartial({ modelName: 'small' })),
    generate: handlers.serverStream(async function* ({ prompts, maxTokens }: GenerateRequest) {
      yield GenerateResponse.fromPartial({ part: { $case: 'header', value: { promptTokens: [prompts.length] } } });
      yield GenerateResponse.fromPartial({ part: { $case: 'piece', value: { text: `${maxTokens} tokens` } } });
    }),
  };
  const services = [{ definition: SamplerServiceDefinition, implementation }];
  await using server = await RpcServer.start({ address: '127.0.0.1:0', services, handlers, drainMs: 10 });
  using sampler = await openSampler(server.address);
  const request = { prompts: [{ prompt: { $case: 'text', value: 'Hi' } }], maxTokens: 3 } as const;
  const parts = await Array.fromAsync(sampler.generate(request));
  expect(parts.map(({ part }) => part?.value)).toMatchObject([{ promptTokens: [1] }, { text: '3 tokens' }]);
  expect((await sampler.describeSampler({})).modelName).toBe('small');
});

test('errors of the server have its reason', async () => {
  const { server, address } = await serve();
  await using _ = server;
  using optimizer = await openOptimizer(address);
  await expect(optimizer.getStatus({})).rejects.toMatchObject({ code: 'not-found', reason: 'ABSENT' });
});

test('fields that are left out have their defaults; a deadline and a signal end a call', async () => {
  const { server, address, names } = await serve();
  await using _ = server;
  using optimizer = await openOptimizer(address, { timeoutMs: 200 });
  await expect(optimizer.export({})).rejects.toMatchObject({ code: 'deadline-exceeded' });
  await expect(optimizer.export({}, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'deadline-exceeded' });
  const leaving = optimizer.export({}, { timeoutMs: 60_000, signal: AbortSignal.timeout(100) });
  await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
  expect(names).toEqual(['', '', '']);
});

test('TLS and a token come from the environment, and without them there is no answer', async () => {
  const folder = await temporaryFolder();
  const authority = await certificateAuthority();
  const { certificate, key } = await writeIdentity(folder, 'server', await authority.issue());
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const ca = await file('ca.pem', authority.certificate);
  const { server, address } = await serve({
    ...{ ALPHAPO_TLS: 'on', ALPHAPO_TLS_CERT: certificate, ALPHAPO_TLS_KEY: key },
    ALPHAPO_ACCESS_FILE: await file('access', `control token ${TOKEN}\n`),
  });
  await using _ = server;
  const environment = { ALPHAPO_TLS: 'on', ALPHAPO_TLS_CA: ca };
  using known = await openOptimizer(address, { environment: { ...environment, ALPHAPO_TOKEN: TOKEN } });
  expect(await known.checkpoint({})).toMatchObject({ step: 3n });
  using typed = await openOptimizer(address, {
    security: { tls: 'on', tlsCa: ca },
    environment: { ALPHAPO_TOKEN: TOKEN },
  });
  expect(await typed.checkpoint({})).toMatchObject({ step: 3n });
  using unknown = await openOptimizer(address, { environment });
  await expect(unknown.checkpoint({})).rejects.toMatchObject({ reason: 'TOKEN_MISSING' });
  using plaintext = await openOptimizer(address);
  await expect(plaintext.checkpoint({})).rejects.toMatchObject({ code: 'unavailable' });
});

test('a token is not sent in plaintext', async () => {
  await expect(openOptimizer('127.0.0.1:1', { environment: { ALPHAPO_TOKEN: TOKEN } })).rejects.toMatchObject({
    reason: 'INVALID_CONFIGURATION',
  });
});
