import { readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What a user sees who got something wrong: one line that names the place and the way out, and exit code 1. */

const GOOD = '{"prompt": "a", "chosen": "b", "rejected": "c"}\n';

async function alphapo(...args: string[]): Promise<{ code: number | null; output: string }> {
  await using process = new ServiceProcess(args);
  const code = await process.exited();
  return { code, output: process.output + process.events.map((event) => JSON.stringify(event)).join('\n') };
}

async function place() {
  const folder = await temporaryFolder();
  const [model, data, out] = [join(folder, 'model'), join(folder, 'pairs.jsonl'), join(folder, 'out')];
  expect((await alphapo('init-model', model)).code).toBe(0);
  await writeFile(data, GOOD.repeat(8));
  const train = (...more: string[]) =>
    alphapo(
      'train',
      '--model',
      model,
      '--data',
      data,
      '--out',
      out,
      '--batch-size',
      '4',
      '--max-length',
      '64',
      ...more,
    );
  return { folder, model, data, out, train };
}

async function changeConfig(model: string, change: object): Promise<void> {
  const file = join(model, 'config.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...change }));
}

type Place = Awaited<ReturnType<typeof place>>;

test.each<[string, (place: Place) => Promise<string[]>, RegExp]>([
  [
    'truncated weights',
    async ({ model }) => {
      await truncate(join(model, 'model.safetensors'), 100_000);
      return [];
    },
    /model\.safetensors.*(truncated|ends|beyond|bytes)/i,
  ],
  [
    'an unknown architecture',
    async ({ model }) => {
      await changeConfig(model, { model_type: 'mamba' });
      return [];
    },
    /model_type: "mamba" is not supported; supported are gemma2, gpt2, llama, mistral, phi3, qwen2, qwen3/,
  ],
  [
    'a configuration that does not fit the weights',
    async ({ model }) => {
      await changeConfig(model, { intermediate_size: 64 });
      return [];
    },
    /mlp\.gate_proj\.weight has the shape \[256,96\], but config\.json says \[64,96\]/,
  ],
  ['a missing model', async ({ folder }) => ['--model', join(folder, 'nowhere')], /nowhere: no such folder/],
  ['missing data', async ({ folder }) => ['--data', join(folder, 'nowhere.jsonl')], /cannot read .*nowhere\.jsonl/],
  ['an unknown LoRA target', async () => ['--lora-targets', 'qproj'], /"qproj" is not a linear layer.*q_proj/],
  ['a wrong number', async () => ['--alpha', 'big'], /--alpha/],
  ['both margins', async () => ['--gamma', '1', '--gamma-ratio', '0.5'], /give gamma or gamma-ratio, not both/],
  ['a length beyond the model', async () => ['--max-length', '100000'], /max-length: 100000 exceeds the 512/],
  ['an adapter that is none', async ({ folder }) => ['--init-adapter', folder], /adapter_config\.json/],
])('%s: a clear error and nothing else', async (_what, prepare, message) => {
  const here = await place();
  const { code, output } = await here.train(...(await prepare(here)));
  expect(output).toMatch(message);
  expect(output).not.toMatch(/\n\s+at /);
  expect(code).toBe(1);
});

test('bad records are skipped, and kept with file, line and reason', async () => {
  const { data, out, train } = await place();
  const long = JSON.stringify({ prompt: 'long '.repeat(200), chosen: 'b', rejected: 'c' });
  const lines = [
    GOOD.trim(),
    '{"prompt": "a", "chosen": "", "rejected": "c"}',
    'not json',
    '{"prompt": "a", "chosen": "b"}',
    long,
  ].map((line) => `${line}\n`);
  await writeFile(
    data,
    Buffer.concat([Buffer.from(lines.join('')), Buffer.from([0x7b, 0xff, 0x0a]), Buffer.from(GOOD)]),
  );
  const { code, output } = await train('--eval-fraction', '0.4');
  expect(output).toContain('4 records refused');
  expect(code).toBe(0);
  const rejected = (await readFile(join(out, 'rejected.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l));
  expect(rejected.map(({ origin, reason }) => [origin, reason])).toEqual([
    [`${data}:2`, 'EMPTY_RESPONSE'],
    [`${data}:3`, 'NOT_JSON'],
    [`${data}:4`, 'MISSING_FIELD'],
    [`${data}:6`, 'NOT_UTF8'],
  ]);
  // A prompt that is too long is cut, not refused.
  expect(output).toMatch(/2 pairs to train on, 1 held out/);
  expect((await train('--strict', '--out', `${out}2`)).output).toMatch(/pairs\.jsonl:2: chosen is empty.*--strict/);
});

test('a record that the log cannot carry is left out with its reason, and stops nothing', async () => {
  const { folder, data, out, train } = await place();
  const large = JSON.stringify({ prompt: 'a'.repeat(17 * 2 ** 20), chosen: 'b', rejected: 'c' });
  await writeFile(data, `${GOOD.repeat(4)}${large}\n${GOOD.repeat(4)}`);
  const trained = await train();
  expect(trained.output).toContain('1 records refused');
  expect(trained.code).toBe(0);
  expect(JSON.parse(await readFile(join(out, 'rejected.jsonl'), 'utf8'))).toEqual({
    origin: `${data}:5`,
    reason: 'LINE_TOO_LONG',
    message: expect.stringContaining('longer than 16777216 bytes'),
    record: expect.stringMatching(/^\{"prompt":"aaa/),
  });
  const produced = await alphapo('produce', '--log', join(folder, 'log.sqlite'), '--data', data);
  expect(produced.output).toMatch(/left out .*pairs\.jsonl:5: larger than the record limit of 16777216 bytes/);
  expect(produced.output).toMatch(/sent 8 records to preferences, left out 1/);
  expect(produced.code).toBe(0);
});

test('a folder in use is refused, and --resume takes up the same run only', async () => {
  const { data, train } = await place();
  expect((await train()).code).toBe(0);
  expect((await train()).output).toMatch(/already has a run; continue it with --resume/);
  expect((await train('--resume')).code).toBe(0);
  expect((await train('--resume', '--alpha', '0.5')).output).toMatch(/a run with different model or settings/);
  await writeFile(data, GOOD.repeat(9));
  expect((await train('--resume')).output).toMatch(/a run with different (data|model or settings)/);
});

test('a broker that is not there is a clear error within seconds', async () => {
  const { data } = await place();
  const started = performance.now();
  const { code, output } = await alphapo('produce', '--brokers', '127.0.0.1:1', '--data', data);
  expect(output).toMatch(/127\.0\.0\.1:1.*KAFKA_BROKERS/);
  expect(code).toBe(1);
  expect(performance.now() - started).toBeLessThan(20_000);
});

test('a port in use is a clear error', async () => {
  const { model } = await place();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { code, output } = await alphapo('serve', 'scorer', '--model', model, '--address', `127.0.0.1:${port}`);
  server.close();
  expect(output).toContain(`cannot listen on 127.0.0.1:${port}: another process listens there; choose another port`);
  expect(code).toBe(1);
});

test('a service without its settings names the variable', async () => {
  const { code, output } = await alphapo('serve', 'optimizer');
  expect(output).toMatch(/ALPHAPO_MODEL \(Hugging Face model folder\)/);
  expect(code).toBe(1);
});
