import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { FloatTensor } from '@alphapo/base';
import { policyDigest } from '@alphapo/checkpoints';
import {
  PreferenceBatch,
  RunState,
  type ScoreRequest,
  ScorerServiceDefinition,
  trainingStepSchema,
  type WatchStepsResponse,
} from '@alphapo/contracts';
import { connect, inProcess } from '@alphapo/rpc';
import { temporaryFolder } from '../support/temporary-folder.ts';
import {
  CALL,
  pairs,
  produce,
  recordsOf,
  smallModel,
  startRun,
  type TestRun,
  topics,
  until,
} from './services.fixture.ts';

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

const status = (run: TestRun) => run.connection.getStatus({}, CALL);

/** The steps from `fromStep` to `toStep`, as a client sees them. */
async function watch(run: TestRun, fromStep: bigint, toStep: bigint): Promise<WatchStepsResponse[]> {
  const seen: WatchStepsResponse[] = [];
  for await (const step of run.connection.watchSteps({ fromStep }, CALL)) {
    seen.push(step);
    if (step.step === toStep) break;
  }
  return seen;
}

/** The name and digest of what getPolicy sends. */
async function policyOf(run: TestRun, digest?: string) {
  const version = digest === undefined ? undefined : { runId: 'any', step: 0n, digest };
  const parts = await Array.fromAsync(run.connection.getPolicy({ version }, CALL));
  const [head] = parts;
  if (head?.part?.$case !== 'header') throw new Error('no header comes first');
  return { ...head.part.value.version, tensors: head.part.value.tensorCount, chunks: parts.length - 1 };
}

describe('a run from its start to its end', () => {
  let run: TestRun;
  const stop = new AbortController();
  let running: Promise<unknown>;
  beforeAll(async () => {
    run = await startRun(model);
  });
  afterAll(async () => {
    stop.abort();
    await running;
    await run[Symbol.asyncDispose]();
  });

  test('before any batch it waits at step 0', async () => {
    expect(await status(run)).toMatchObject({
      state: RunState.STARTING,
      policy: { step: 0n },
      totalSteps: 4n,
      nextBatchOffset: 0n,
      checkpointStep: 0n,
      method: { method: { $case: 'lora', value: { rank: 2 } } },
      objective: { objective: { $case: 'alphapo' } },
    });
    running = Promise.all([run.tokenizer.consume(stop.signal), run.optimizer.train(stop.signal)]);
    await until(async () => (await status(run)).state === RunState.WAITING_FOR_BATCHES);
  });

  test('paused, it takes no step', async () => {
    expect(await run.connection.pause({}, CALL)).toEqual({ step: 0n });
    await produce(run.log, pairs(16));
    await until(async () => (await status(run)).state === RunState.PAUSED);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await status(run)).policy?.step).toBe(0n);
  });

  test('paused, it still writes checkpoints and exports', async () => {
    const { step, name } = await run.connection.checkpoint({}, CALL);
    expect(step).toBe(0n);
    expect(await readdir(join(run.folder, 'checkpoints-1'))).toContain(name);
    const exported = await run.connection.export({ name: '' }, CALL);
    expect(exported).toEqual({ step: 0n, path: join(run.folder, 'exports/step-0') });
  });

  test('resumed, it goes on, and who watches sees every step', async () => {
    const watching = watch(run, 0n, 4n);
    expect(await run.connection.resume({}, CALL)).toEqual({ step: 0n });
    const steps = await watching;
    expect(steps.map(({ step, pairs }) => [step, pairs])).toEqual([1n, 2n, 3n, 4n].map((step) => [step, 4]));
    expect(steps.at(-1)?.policyDigest).toBe(run.optimizer.trainer.policy.digest);
    await until(async () => (await status(run)).state === RunState.FINISHED);
    await until(async () => (await status(run)).checkpointStep === 4n);
    expect((await status(run)).policy?.step).toBe(4n);
  });

  test('who watches from the middle sees the steps from there', async () => {
    expect((await watch(run, 3n, 4n)).map(({ step }) => step)).toEqual([3n, 4n]);
  });

  test('the current policy is there; older ones are gone', async () => {
    const [, , third, last] = run.optimizer.steps.steps.map(({ policyDigest }) => policyDigest);
    const current = await policyOf(run);
    expect(current).toMatchObject({ step: 4n, digest: last });
    expect(current.chunks).toBe(current.tensors);
    expect(await policyOf(run, last)).toEqual(current);
    await expect(policyOf(run, third)).rejects.toMatchObject({
      code: 'not-found',
      reason: 'POLICY_GONE',
      message: expect.stringContaining(third as string),
    });
  });

  test('a scorer scores under the latest policy, and the trained pairs by more than the base model does', async () => {
    using scorer = connect(ScorerServiceDefinition, run.scorer.address);
    const items = pairs(16).map(({ id, prompt, ...responses }) => ({
      id,
      item: { $case: 'textPair' as const, value: { prompt: { $case: 'text' as const, value: prompt }, ...responses } },
    }));
    const marginUnder = async (policy: ScoreRequest['policy']) => {
      const request = { items, policy, perToken: false, objective: undefined, batch: undefined };
      const { results, policy: used } = await scorer.score(request, CALL);
      const margins = results.map(({ chosen, rejected }) => (chosen?.mean as number) - (rejected?.mean as number));
      return { used, margin: margins.reduce((sum, margin) => sum + margin, 0) };
    };
    const base = await marginUnder({ $case: 'base', value: {} });
    const latest = await marginUnder({ $case: 'latest', value: {} });
    expect([base.used, latest.used?.digest]).toEqual([undefined, run.optimizer.trainer.policy.digest]);
    expect(latest.margin).toBeGreaterThan(base.margin);
    const gone = { $case: 'version' as const, value: { runId: 'any', step: 1n, digest: 'sha256:gone' } };
    await expect(marginUnder(gone)).rejects.toMatchObject({ code: 'not-found', reason: 'POLICY_GONE' });
  });

  test('a checkpoint after the end is that of the last step', async () => {
    const { step, name } = await run.connection.checkpoint({}, CALL);
    expect(step).toBe(4n);
    expect(await readdir(join(run.folder, 'checkpoints-1'))).toContain(name);
  });

  test('an export is an adapter folder below the export folder', async () => {
    const { step, path } = await run.connection.export({ name: 'good-1.0' }, CALL);
    expect([step, path]).toEqual([4n, join(run.folder, 'exports/good-1.0')]);
    expect((await readdir(path)).sort()).toEqual(
      expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors']),
    );
  });

  test.each([
    '..',
    '.',
    '../elsewhere',
    '/tmp/x',
    '.hidden',
    'a/b',
    'a\\b',
    'a b',
    'a\0b',
    'a\n',
    'x'.repeat(129),
    'x'.repeat(2 ** 20),
  ])('the export name %j is refused', async (name) => {
    await expect(run.connection.export({ name }, CALL)).rejects.toMatchObject({
      code: 'invalid-argument',
      reason: 'EXPORT_NAME',
    });
  });

  test('an export does not follow a link out of the export folder', async () => {
    const outside = await temporaryFolder();
    await mkdir(join(run.folder, 'exports'), { recursive: true });
    await symlink(outside, join(run.folder, 'exports/linked'));
    await expect(run.connection.export({ name: 'linked' }, CALL)).rejects.toMatchObject({
      code: 'invalid-argument',
      reason: 'EXPORT_NAME',
    });
    expect(await readdir(outside)).toEqual([]);
  });
});

test('a pause in the middle of a run finishes the step under way and holds the next one back', async () => {
  await using run = await startRun(model, { steps: 30, batchSize: 2 });
  const training = run.train(pairs(60));
  await watch(run, 1n, 3n);
  const { step } = await run.connection.pause({}, CALL);
  expect(step).toBeGreaterThanOrEqual(3n);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await status(run)).policy?.step).toBe(step);
  expect(run.optimizer.steps.steps).toHaveLength(Number(step));
  await run.connection.resume({}, CALL);
  await training;
  expect((await status(run)).policy?.step).toBe(30n);
});

test('a pause while the last batch that there is is computed does not wait for another batch', async () => {
  await using run = await startRun(model, { steps: 30, batchSize: 2 });
  const [scorer] = run.scorers.splice(0, 1);
  const stop = new AbortController();
  const running = Promise.all([run.tokenizer.consume(stop.signal), run.optimizer.train(stop.signal)]);
  await run.log.append(
    pairs(2).map((pair) => ({ topic: topics.preferences, partition: 0, value: JSON.stringify(pair) })),
  );
  await until(() => run.optimizer.trainer.status.state === 'waiting-for-scorers');
  const pausing = run.connection.pause({}, CALL);
  const checkpointing = run.connection.checkpoint({}, CALL);
  run.scorers.push(scorer as string);
  expect(await pausing).toEqual({ step: 1n });
  expect(await checkpointing).toMatchObject({ step: 1n });
  stop.abort();
  await running;
});

test('a batch made under another run specification is refused, and the status says so', async () => {
  await using run = await startRun(model);
  const batch = PreferenceBatch.fromPartial({
    runSpecificationDigest: 'sha256:other',
    pairs: [{ id: 'a', prompt: [0], chosen: [5], rejected: [6] }],
  });
  await run.log.append([
    { topic: topics.preferenceBatches, partition: 0, value: PreferenceBatch.encode(batch).finish() },
  ]);
  await expect(run.optimizer.train(new AbortController().signal)).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'BATCH_REFUSED',
  });
  expect(await status(run)).toMatchObject({
    state: RunState.FAILED,
    message: expect.stringMatching(/batch at offset 0 was made with another run specification/),
    policy: { step: 0n },
  });
});

test('bytes that are no batch are refused with their offset', async () => {
  await using run = await startRun(model);
  await run.log.append([{ topic: topics.preferenceBatches, partition: 0, value: Buffer.from([0xff, 0xff]) }]);
  await expect(run.optimizer.train(new AbortController().signal)).rejects.toMatchObject({
    reason: 'BATCH_REFUSED',
    message: expect.stringContaining('batch at offset 0 is not a PreferenceBatch'),
  });
});

test('of two optimizers of a run the first ends fenced, and publishes nothing', async () => {
  await using run = await startRun(model);
  const second = await run.startOptimizer();
  await expect(run.train(pairs(16))).rejects.toMatchObject({ code: 'failed-precondition', reason: 'FENCED' });
  expect(await recordsOf(run.log, topics.trainingSteps)).toEqual([]);
  expect((await status(run)).state).toBe(RunState.FAILED);
  expect(second.trainer.policy).toMatchObject({ step: 0, digest: run.optimizer.trainer.policy.digest });
});

test('the second optimizer of a run takes it to the end of an undisturbed one', async () => {
  await using undisturbed = await startRun(model);
  const expected = await undisturbed.train(pairs(16));
  await using run = await startRun(model);
  await produce(run.log, pairs(16));
  const stop = new AbortController();
  const consuming = run.tokenizer.consume(stop.signal);
  const first = run.optimizer.train(stop.signal);
  for await (const _step of run.optimizer.steps.follow(1, stop.signal)) break;
  await run.optimizer.trainer.pause();
  const second = await run.startOptimizer();
  run.optimizer.trainer.resume();
  await expect(first.then(() => 'finished')).rejects.toMatchObject({ reason: 'FENCED' });
  await using scorer = await run.startScorer(second.address);
  run.scorers.splice(0, 1, scorer.address);
  await second.train(stop.signal);
  stop.abort();
  await consuming;
  expect(second.trainer.policy.digest).toBe(expected);
  const published = (await recordsOf(run.log, topics.trainingSteps)).map(({ value }) =>
    trainingStepSchema.parse(JSON.parse(Buffer.from(value as Uint8Array).toString())),
  );
  expect(published.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
});

test('a policy that is read stays as it is while steps are taken; the steps come out the same', async () => {
  await using undisturbed = await startRun(model);
  const expected = await undisturbed.train(pairs(16));
  await using run = await startRun(model);
  using reading = await run.optimizer.trainer.readPolicy();
  expect(await run.train(pairs(16))).toBe(expected);
  const tensors = [...reading.tensors].map(([name, { shape, data }]) => [
    name,
    { shape, data: Float32Array.from(data) },
  ]);
  expect(await policyDigest(new Map(tensors as [string, FloatTensor][]))).toBe(reading.digest);
});

test('within one process steps come out as over the network', async () => {
  await using overNetwork = await startRun(model);
  const expected = await overNetwork.train(pairs(16));
  await using run = await startRun(model);
  await using scorer = await run.startScorer(inProcess(run.optimizer.address));
  run.scorers.splice(0, 1, inProcess(scorer.address));
  expect(await run.train(pairs(16))).toBe(expected);
});
