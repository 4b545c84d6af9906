import { execFileSync } from 'node:child_process';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OptimizerConfig, RunningOptimizer } from '@alphapo/optimizer';
import { createLogger } from '@alphapo/telemetry';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { LogFile } from './log-file.ts';
import { checkpointsIn, pairs, produce, smallModel, startRun, type TestRun, topics } from './services.fixture.ts';

/** What an optimizer makes of the checkpoints and the ledger that it finds. */

const STEPS = 4;
const RECORDS = pairs(4 * STEPS);

let model: string;
let expected: string;
beforeAll(async () => {
  model = await smallModel();
  await using undisturbed = await startRun(model);
  expected = await undisturbed.train(RECORDS);
});

interface Started {
  readonly optimizer: RunningOptimizer;
  readonly events: () => Record<string, unknown>[];
  train(): Promise<void>;
}

/** An optimizer of the run with a checkpoint after each step, and a scorer of its own. */
async function start(run: TestRun, config: Partial<OptimizerConfig> = {}): Promise<Started> {
  const lines: string[] = [];
  const logger = createLogger({ service: 'optimizer', stream: { write: (line) => void lines.push(line) } });
  const kept = { checkpointEvery: 1, checkpointsKept: { newest: 3 } };
  const checkpointFolder = join(run.folder, 'checkpoints');
  const optimizer = await run.startOptimizer({ checkpointFolder, ...kept, ...config }, logger);
  const train = async () => {
    await using scorer = await run.startScorer(optimizer.address);
    run.scorers.splice(0, run.scorers.length, scorer.address);
    const stop = new AbortController();
    const consuming = run.tokenizer.consume(stop.signal);
    try {
      await optimizer.train(stop.signal);
    } finally {
      stop.abort();
      await consuming;
    }
  };
  return { optimizer, events: () => lines.map((line) => JSON.parse(line)), train };
}

/** A run that was trained to its end, with checkpoints of the steps 2 to 4. */
async function trained(): Promise<TestRun> {
  const run = await startRun(model);
  await produce(run.log, RECORDS);
  await (await start(run)).train();
  expect(await checkpointsIn(join(run.folder, 'checkpoints'))).toEqual([2, 3, 4].map((step) => `step-0000000${step}`));
  return run;
}

const damage = (run: TestRun, step: number) =>
  truncate(join(run.folder, 'checkpoints', `step-0000000${step}`, 'moments.safetensors'), 100);

/** A record of `training-steps` as if its step had given other weights. */
const withOtherWeights = (value: Uint8Array) =>
  Buffer.from(JSON.stringify({ ...JSON.parse(`${Buffer.from(value)}`), policyDigest: 'sha256:other' }));

test('a damaged checkpoint is skipped with an error that names it, and the steps after the one before computed again', async () => {
  await using run = await trained();
  await damage(run, 4);
  const { optimizer, events, train } = await start(run);
  expect(optimizer.trainer.policy.step).toBe(3);
  expect(events()).toContainEqual(
    expect.objectContaining({
      level: 'error',
      event: 'checkpoint.damaged',
      name: 'step-00000004',
      reason: expect.stringMatching(/moments\.safetensors: it has 100 bytes instead of \d+/),
    }),
  );
  await train();
  expect(optimizer.trainer.policy.digest).toBe(expected);
});

test('where each is damaged the run is computed again from the start of the ledger, and says so', async () => {
  await using run = await trained();
  for (const step of [2, 3, 4]) await damage(run, step);
  const { optimizer, events, train } = await start(run);
  expect(optimizer.trainer.policy.step).toBe(0);
  expect(events().filter(({ event }) => event === 'checkpoint.damaged')).toHaveLength(3);
  expect(events()).toContainEqual(
    expect.objectContaining({
      level: 'error',
      event: 'checkpoint.none-intact',
      damaged: expect.arrayContaining(['step-00000002']),
    }),
  );
  await train();
  expect(optimizer.trainer.policy.digest).toBe(expected);
  expect(optimizer.steps.steps).toHaveLength(STEPS);
});

test('where the start of the ledger is gone too, it is refused with what can be done', async () => {
  await using run = await trained();
  for (const step of [2, 3, 4]) await damage(run, step);
  using file = new LogFile(join(run.folder, 'log.sqlite'));
  file.cutOff(topics.preferenceBatches, 1);
  await expect(start(run)).rejects.toMatchObject({
    reason: 'LEDGER_CUT_OFF',
    message: expect.stringMatching(
      /no intact checkpoint.*offset 0 of preference-batches, which begins at 1.*topic prefix/,
    ),
  });
});

test('a ledger that begins before the newest checkpoint resumes', async () => {
  await using run = await trained();
  using file = new LogFile(join(run.folder, 'log.sqlite'));
  file.cutOff(topics.preferenceBatches, 3);
  await damage(run, 4);
  const { optimizer, train } = await start(run);
  await train();
  expect(optimizer.trainer.policy.digest).toBe(expected);
});

test.each([
  [
    'the first steps are gone',
    (file: LogFile) => file.cutOff(topics.trainingSteps, 2),
    'LEDGER_CUT_OFF',
    'begins with step 3',
  ],
  [
    'a step is missing',
    (file: LogFile) => file.remove(topics.trainingSteps, 1),
    'LEDGER_BROKEN',
    'offset 2 of training-steps is step 3 where step 2',
  ],
  [
    'a step is doubled',
    (file: LogFile) => file.repeat(topics.trainingSteps, 3),
    'LEDGER_BROKEN',
    'is step 4 where step 5',
  ],
  [
    'a record is no step',
    (file: LogFile) => file.edit(topics.trainingSteps, 1, () => Buffer.from('{}')),
    'LEDGER_BROKEN',
    'offset 1 of training-steps is not a training step',
  ],
])('training-steps where %s are refused by name', async (_what, change, reason, message) => {
  await using run = await trained();
  using file = new LogFile(join(run.folder, 'log.sqlite'));
  change(file);
  await expect(start(run)).rejects.toMatchObject({ reason, message: expect.stringContaining(message) });
});

test.each([
  [
    'the last steps are gone',
    (file: LogFile) => file.remove(topics.trainingSteps, 3),
    'the checkpoint is of step 4, but training-steps has 3 steps of the run',
  ],
  [
    'the checkpoint’s step has other weights',
    (file: LogFile) => file.edit(topics.trainingSteps, 3, withOtherWeights),
    'but training-steps says sha256:other',
  ],
])('training-steps where %s are refused beside the checkpoint', async (_what, change, message) => {
  await using run = await trained();
  using file = new LogFile(join(run.folder, 'log.sqlite'));
  change(file);
  await expect(start(run)).rejects.toMatchObject({
    reason: 'LEDGER_BROKEN',
    message: expect.stringContaining(message),
  });
});

test('a step that comes out otherwise fails the run: memory has no policy then, but the checkpoints are whole', async () => {
  await using run = await trained();
  await damage(run, 4);
  using file = new LogFile(join(run.folder, 'log.sqlite'));
  file.edit(topics.trainingSteps, 3, withOtherWeights);
  const { optimizer, train } = await start(run);
  await expect(train()).rejects.toMatchObject({
    reason: 'NOT_REPRODUCED',
    message: expect.stringContaining('The checkpoints are unchanged'),
  });
  await expect(optimizer.trainer.readPolicy()).rejects.toMatchObject({ reason: 'STEP_FAILED' });
  expect((await start(run)).optimizer.trainer.policy.step).toBe(3);
});

test('a ledger that expires is refused by topic and setting', async () => {
  await using run = await startRun(model);
  await run.log.ensureTopics([{ name: 'short-preference-batches', partitions: 1, retentionMs: 3_600_000 }]);
  const config = { topics: { ...topics, preferenceBatches: 'short-preference-batches' } };
  await expect(start(run, config)).rejects.toMatchObject({
    reason: 'LEDGER_NOT_KEPT',
    message: expect.stringContaining('short-preference-batches has retention.ms=3600000'),
  });
});

test('checkpoints of every so many steps are kept for good', async () => {
  await using run = await startRun(model, { steps: 7 });
  await produce(run.log, pairs(28));
  await (await start(run, { checkpointsKept: { newest: 1, everySteps: 3 } })).train();
  expect(await checkpointsIn(join(run.folder, 'checkpoints'))).toEqual([3, 6, 7].map((step) => `step-0000000${step}`));
});

const isRoot = process.getuid?.() === 0;
const describeMount = isRoot ? describe : describe.skip;
describeMount(`a full checkpoint volume${isRoot ? '' : ' (skipped: only root can mount one)'}`, () => {
  let volume: string;
  beforeAll(async () => {
    volume = join(await temporaryFolder(), 'volume');
    await mkdir(volume);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', volume]);
  });
  afterAll(() => {
    execFileSync('umount', [volume]);
  });
  /** Fills it to the last byte. */
  const fill = () => writeFile(join(volume, 'ballast'), Buffer.alloc(2 ** 21)).catch(() => {});
  const makeRoom = () => rm(join(volume, 'ballast'));

  test('does not stop training: each step tries again, and nothing half-written stays', async () => {
    // Many steps, so that there is room again long before the last one.
    const settings = { steps: 40, batchSize: 2 };
    await using undisturbed = await startRun(model, settings);
    const digest = await undisturbed.train(pairs(80));
    await using run = await startRun(model, settings);
    await produce(run.log, pairs(80));
    const checkpointFolder = join(volume, 'checkpoints');
    const { optimizer, events, train } = await start(run, { checkpointFolder });
    await mkdir(checkpointFolder, { recursive: true });
    await fill();
    const training = train();
    for await (const { step } of optimizer.steps.follow(1, new AbortController().signal)) if (step === 2) break;
    await expect(optimizer.trainer.checkpoint()).rejects.toMatchObject({
      code: 'resource-exhausted',
      reason: 'DISK_FULL',
      message: expect.stringContaining(checkpointFolder),
    });
    expect(await checkpointsIn(checkpointFolder)).not.toContainEqual(expect.stringContaining('step-'));
    const failed = events().filter(({ event }) => event === 'checkpoint.failed');
    expect(failed.length).toBeGreaterThan(2);
    expect(failed.at(0)).toMatchObject({ level: 'error', newestStep: 0, error: { reason: 'DISK_FULL' } });
    await makeRoom();
    await training;
    expect(optimizer.trainer.policy.digest).toBe(digest);
    expect(await checkpointsIn(checkpointFolder)).toEqual([38, 39, 40].map((step) => `step-000000${step}`));
  });

  test('at the end of the run is an error, and the run ends the same once there is room', async () => {
    await using run = await startRun(model);
    await produce(run.log, RECORDS);
    const checkpointFolder = join(volume, 'at-the-end');
    await mkdir(checkpointFolder);
    const full = await start(run, { checkpointFolder });
    await fill();
    await expect(full.train()).rejects.toMatchObject({ reason: 'DISK_FULL' });
    await makeRoom();
    const { optimizer, train } = await start(run, { checkpointFolder });
    await train();
    expect(optimizer.trainer.policy.digest).toBe(expected);
  });
});
