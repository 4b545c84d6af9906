import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../temporary-folder.ts';
import { ServiceProcess } from './processes.ts';

async function setUp() {
  const folder = await temporaryFolder();
  const [model, data] = [join(folder, 'model'), join(folder, 'pairs.jsonl')];
  await using made = new ServiceProcess(['init-model', model]);
  await made.exited();
  const pairs = Array.from({ length: 64 }, (_, i) => ({ prompt: `Say ${i}`, chosen: ` ${i}`, rejected: ` ${i + 1}` }));
  await writeFile(data, pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  const train = (out: string, ...more: string[]) =>
    new ServiceProcess([
      ...['train', '--model', model, '--data', data, '--out', join(folder, out), '--batch-size', '4'],
      ...['--learning-rate', '1e-3', '--log-level', 'info', '--checkpoint-every', '3', '--threads', '1', ...more],
    ]);
  const read = (out: string, file: string) => readFile(join(folder, out, file));
  return { train, read };
}

test.each([
  ['an adapter', [], 'adapter/adapter_model.safetensors'],
  ['all weights', ['--full'], 'model/model.safetensors'],
])('%s: a run that was killed and resumed ends with the bits of one that was not', async (_what, options, artefact) => {
  const { train, read } = await setUp();
  await using whole = train('whole', ...options);
  expect(await whole.exited()).toBe(0);
  const killed = train('killed', ...options);
  await killed.event(({ event, step }) => event === 'step.taken' && step === 8);
  await killed.stop('SIGKILL');
  await using resumed = train('killed', ...options, '--resume');
  expect(await resumed.exited()).toBe(0);
  expect(resumed.events.find(({ event }) => event === 'optimizer.started')?.step).toBe(6);
  expect((await read('killed', artefact)).equals(await read('whole', artefact))).toBe(true);
  const steps = (await read('killed', 'steps.jsonl')).toString().trim().split('\n');
  expect(steps.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
});
