import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingStep } from '@alphapo/contracts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function setUp() {
  const folder = await temporaryFolder();
  const [model, data] = [join(folder, 'model'), join(folder, 'pairs.jsonl')];
  await using made = new ServiceProcess(['init-model', model]);
  await made.exited();
  const pairs = Array.from({ length: 64 }, (_, i) => ({ prompt: `Say ${i}`, chosen: ` ${i}`, rejected: ` ${i + 1}` }));
  await writeFile(data, pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  const command = (out: string, more: string[]) => [
    ...['train', '--model', model, '--data', data, '--out', join(folder, out), '--batch-size', '4'],
    ...['--learning-rate', '1e-3', '--log-level', 'info', '--checkpoint-every', '3', '--threads', '1', ...more],
  ];
  const train = (out: string, ...more: string[]) => new ServiceProcess(command(out, more));
  /** Kills itself there. */
  const trainTo = (killPoint: string, out: string, ...more: string[]) =>
    new ServiceProcess(command(out, more), {
      environment: { KILL_POINT: killPoint },
      preload: [join(import.meta.dirname, 'kill-point.ts')],
    });
  const read = (out: string, file: string) => readFile(join(folder, out, file));
  const steps = async (out: string): Promise<TrainingStep[]> =>
    (await read(out, 'steps.jsonl'))
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return { train, trainTo, read, steps };
}

const ADAPTER = 'adapter/adapter_model.safetensors';
const STEPS = Array.from({ length: 16 }, (_, i) => i + 1);

test.each([
  ['an adapter', [], ADAPTER],
  ['all weights', ['--full'], 'model/model.safetensors'],
])('%s: a run that was killed and resumed ends with the bits of one that was not', async (_what, options, artefact) => {
  const { train, trainTo, read, steps } = await setUp();
  await using whole = train('whole', ...options);
  expect(await whole.exited()).toBe(0);
  // By itself: a signal from here may come after the next checkpoint.
  await using killed = trainTo('after-publish:8', 'killed', ...options);
  expect(await killed.exited()).toBe(null);
  await using resumed = train('killed', ...options, '--resume');
  expect(await resumed.exited()).toBe(0);
  expect(resumed.events.find(({ event }) => event === 'optimizer.started')?.step).toBe(6);
  expect((await read('killed', artefact)).equals(await read('whole', artefact))).toBe(true);
  expect((await steps('killed')).map(({ step }) => step)).toEqual(STEPS);
});

describe('killed at a point between two states', () => {
  let place: Awaited<ReturnType<typeof setUp>>;
  let expected: { adapter: Buffer; digests: string[]; evaluations: unknown };
  const options = ['--eval-fraction', '0.125', '--eval-every', '2'];
  const digestsOf = async (out: string) => (await place.steps(out)).map(({ policyDigest }) => policyDigest);
  const evaluationsOf = async (out: string) =>
    JSON.parse((await place.read(out, 'summary.json')).toString()).evaluations;
  beforeAll(async () => {
    place = await setUp();
    await using whole = place.train('whole', ...options);
    expect(await whole.exited()).toBe(0);
    expected = {
      adapter: await place.read('whole', ADAPTER),
      digests: await digestsOf('whole'),
      evaluations: await evaluationsOf('whole'),
    };
  });

  test('an undisturbed run is evaluated before, every so many steps, and after', () => {
    expect(expected.evaluations).toMatchObject([0, 2, 4, 6, 8, 10, 12, 14].map((step) => ({ step })));
  });

  test.each([
    ['before-publish:8', 6],
    ['after-publish:8', 6],
    ['before-checkpoint:6', 3],
    ['after-checkpoint:6', 6],
  ])('%s: the run goes on after step %i, to the same bits, steps and evaluations', async (killPoint, resumedAt) => {
    const out = killPoint.replace(':', '-');
    await using killed = place.trainTo(killPoint, out, ...options);
    expect(await killed.exited()).toBe(null);
    await using resumed = place.train(out, ...options, '--resume');
    expect(await resumed.exited()).toBe(0);
    expect(resumed.events.find(({ event }) => event === 'optimizer.started')?.step).toBe(resumedAt);
    expect((await place.read(out, ADAPTER)).equals(expected.adapter)).toBe(true);
    expect(await digestsOf(out)).toEqual(expected.digests);
    expect(await evaluationsOf(out)).toEqual(expected.evaluations);
  });
});

test('a run is not taken up again with another number of threads: the bits would be others', async () => {
  const { trainTo, train } = await setUp();
  await using killed = trainTo('after-checkpoint:3', 'run');
  await killed.exited();
  await using resumed = train('run', '--resume', '--threads', '2');
  expect(await resumed.exited()).toBe(1);
  expect(resumed.output).toMatch(/scorer \S+ has threads 2, but the run has 1: start it with the same --threads/);
});
