import { RUN_HEADER, RunState, ScorerState, type TrainingStep } from '@alphapo/contracts';
import { ENGINE_REVISION } from '@alphapo/engine';

import { startScorer } from '@alphapo/scorer';
import { freePort } from '../support/free-port.ts';
import {
  CALL,
  LOOPBACK,
  pairs,
  recordsOf,
  silent,
  smallModel,
  startRun,
  type TestRun,
  topics,
  until,
} from './services.fixture.ts';

/** What decides the bits is the same for all of a run's steps: whoever computes otherwise gets no shard. */

const SETTINGS = { steps: 4, batchSize: 4, shards: 2 };
const RECORDS = pairs(16);

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

const withTwoThreads = ({ optimizer }: TestRun) =>
  startScorer(
    { model, address: LOOPBACK, optimizerAddress: optimizer.address, executionProvider: 'cpu', threads: 2 },
    silent,
  );

test('each step says what it was computed with', async () => {
  await using run = await startRun(model, SETTINGS);
  await run.train(RECORDS);
  const computation = {
    ...{ device: 'cpu', dtype: 'float32', threads: 1, engineRevision: ENGINE_REVISION },
    runtime: expect.stringMatching(/^onnxruntime-\d+\.\d+\.\d+ \w+-\w+$/),
  };
  expect(run.optimizer.steps.steps).toMatchObject(Array(4).fill({ computation }));
});

test('a scorer with another number of threads than the first one is put aside by name, and gets no shard', async () => {
  await using run = await startRun(model, { ...SETTINGS, batchSize: 2, steps: 150 });
  await using other = await withTwoThreads(run);
  const training = run.train(pairs(300));
  await until(() => run.optimizer.steps.steps.length > 0);
  run.scorers.splice(0, 1, other.address);
  const status = () => run.connection.getStatus({}, CALL);
  await until(async () => (await status()).scorerStatuses.some(({ state }) => state === ScorerState.QUARANTINED));
  const { scorerStatuses } = await status();
  expect(scorerStatuses.find(({ address }) => address === other.address)).toMatchObject({
    message: `scorer ${other.address} has threads 2, but the run has 1: start it with the same --threads`,
  });
  run.scorers.push(run.scorer.address);
  await training;
  expect(new Set(run.optimizer.steps.steps.map(({ computation }) => computation?.threads))).toEqual(new Set([1]));
});

test('a scorer that is replaced by one with other threads while nobody asks it gives no shard', async () => {
  await using run = await startRun(model, { ...SETTINGS, batchSize: 2, steps: 150 });
  const address = `127.0.0.1:${await freePort()}`;
  const at = (threads: number) =>
    startScorer({ model, address, optimizerAddress: run.optimizer.address, executionProvider: 'cpu', threads }, silent);
  const [unchanged] = run.scorers.splice(0, 1, address);
  const first = await at(1);
  const training = run.train(pairs(300));
  await until(() => run.optimizer.steps.steps.length > 0);
  await run.optimizer.trainer.pause();
  await first[Symbol.asyncDispose]();
  await using _second = await at(2);
  const phases = () => run.optimizer.trainer.status.scorers.map(({ phase }) => phase);
  expect(phases()).toEqual(['ready']);
  await run.optimizer.trainer.resume();
  await until(() => phases()[0] === 'quarantined');
  run.scorers.push(unchanged as string);
  await training;
  expect(run.optimizer.steps.steps).toMatchObject(Array(150).fill({ computation: { threads: 1 } }));
});

test('so it is after the optimizer was started again', async () => {
  await using run = await startRun(model, SETTINGS);
  await run.train(RECORDS);
  await using other = await withTwoThreads(run);
  const second = await run.startOptimizer();
  await second.checkScorer(run.scorer.address);
  await expect(second.checkScorer(other.address)).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'SCORER_MISMATCH',
    metadata: { scorer: other.address, field: 'threads' },
  });
  run.scorers.splice(0, 1, other.address);
  const stop = new AbortController();
  const training = second.train(stop.signal);
  await until(() => second.trainer.status.scorers.some(({ phase }) => phase === 'quarantined'));
  expect(second.trainer.status.state).toBe('waiting-for-scorers');
  stop.abort();
  await training;
  expect((await run.connection.getStatus({}, CALL)).state).toBe(RunState.FINISHED);
});

test('a run that another revision of the engine began is refused', async () => {
  await using run = await startRun(model, SETTINGS);
  await run.train(RECORDS);
  const [record] = await recordsOf(run.log, topics.trainingSteps);
  const first: TrainingStep = JSON.parse(Buffer.from(record?.value as Uint8Array).toString());
  const computation = { ...first.computation, engineRevision: ENGINE_REVISION + 1 };
  const value = JSON.stringify({ ...first, step: 5, computation });
  await run.log.append([{ topic: topics.trainingSteps, partition: 0, value, headers: { [RUN_HEADER]: first.runId } }]);
  await expect(run.startOptimizer()).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'ENGINE_REVISION',
    message: expect.stringContaining(`engine revision ${ENGINE_REVISION + 1}, this release has ${ENGINE_REVISION}`),
  });
});
