import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OptimizerServiceDefinition, PreferenceBatch, RunState, topicsWithPrefix } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import type { OptimizerConfig } from '@alphapo/optimizer';
import { connect } from '@alphapo/rpc';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { LogFile } from './log-file.ts';
import { CALL, pairs, produce, silent, smallModel, startRun, topics, until } from './services.fixture.ts';

/** What an optimizer that is started again knows of the one before. */

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

test.each([
  ['with its last batch', 6],
  ['after its last batch', 8],
])('a run whose data ended %s before the planned steps is finished after a restart, too', async (_when, count) => {
  await using run = await startRun(model, { steps: 30 });
  const digest = await run.train(pairs(count));
  expect(run.optimizer.trainer.policy.step).toBe(2);
  const again = await run.startOptimizer({ checkpointFolder: run.checkpointFolder });
  await again.train(new AbortController().signal);
  using connection = connect(OptimizerServiceDefinition, again.address);
  expect(await connection.getStatus({}, CALL)).toMatchObject({
    state: RunState.FINISHED,
    policy: { step: 2n, digest },
  });
  const seen = await Array.fromAsync(connection.watchSteps({ fromStep: 1n }, CALL));
  expect(seen.map(({ step }) => step)).toEqual([1n, 2n]);
});

test('an optimizer that computes steps again does not move its group back, and restores a position that was forgotten', async () => {
  await using run = await startRun(model);
  // No pairs in it: a batch that is passed over.
  const empty = PreferenceBatch.encode(PreferenceBatch.fromPartial({})).finish();
  await run.log.append([{ topic: topics.preferenceBatches, partition: 0, value: empty }]);
  await run.train(pairs(16));
  const committed = async () => (await run.log.lag(topics.optimizerGroup, topics.preferenceBatches))[0]?.committed;
  const end = await committed();
  expect(end).toBe(5n);
  const again = await run.startOptimizer();
  const stop = new AbortController();
  run.scorers.splice(0);
  const training = again.train(stop.signal);
  await until(() => again.trainer.status.state === 'waiting-for-scorers');
  expect(await committed()).toBe(end);
  stop.abort();
  await training;
  using file = new LogFile(join(run.folder, 'log.sqlite'));
  file.forgetGroup(topics.optimizerGroup);
  await run.startOptimizer({ checkpointFolder: run.checkpointFolder });
  expect(await committed()).toBe(end);
});

test('who watches from beyond the last step is told that there is none', async () => {
  await using run = await startRun(model);
  const watching = Array.fromAsync(run.connection.watchSteps({ fromStep: 9n }, CALL));
  await run.train(pairs(16));
  expect(await watching).toEqual([]);
});

test('a paused run stays paused when its optimizer is started again, and loses nothing', async () => {
  const settings = { steps: 30, batchSize: 2 };
  await using undisturbed = await startRun(model, settings);
  const expected = await undisturbed.train(pairs(60));
  await using run = await startRun(model, settings);
  await produce(run.log, pairs(60));
  const stop = new AbortController();
  const consuming = run.tokenizer.consume(stop.signal);
  const first = new AbortController();
  const training = run.optimizer.train(first.signal);
  await until(() => run.optimizer.steps.steps.length > 2);
  const step = await run.optimizer.trainer.pause();
  first.abort();
  await training;

  const again = await run.startOptimizer({ checkpointFolder: run.checkpointFolder });
  await using scorer = await run.startScorer(again.address);
  run.scorers.splice(0, 1, scorer.address);
  const trainingAgain = again.train(stop.signal);
  await until(() => again.trainer.status.state === 'paused');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(again.trainer.policy.step).toBe(step);
  await again.trainer.resume();
  await trainingAgain;
  stop.abort();
  await consuming;
  expect(again.trainer.policy).toMatchObject({ step: 30, digest: expected });
  expect(again.steps.steps.map((one) => one.step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});

test.each<[string, Partial<OptimizerConfig>, string]>([
  ['an adapter that it cannot read', { initialAdapter: '/nowhere' }, 'FILE_NOT_FOUND'],
  ['batches that it cannot reach', {}, 'LEDGER_CUT_OFF'],
])('an optimizer that is refused for %s leaves the one at work alone', async (_what, config, reason) => {
  await using run = await startRun(model, { steps: 30, batchSize: 2 });
  const training = run.train(pairs(60));
  await until(() => run.optimizer.steps.steps.length > 2);
  await run.optimizer.trainer.pause();
  if (reason === 'LEDGER_CUT_OFF') {
    using file = new LogFile(join(run.folder, 'log.sqlite'));
    file.cutOff(topics.preferenceBatches, 1);
  }
  await expect(run.startOptimizer(config)).rejects.toMatchObject({ reason });
  await run.optimizer.trainer.resume();
  await training;
  expect(run.optimizer.trainer.status.state).toBe('finished');
});

test('an optimizer that is stopped during its start leaves the one at work alone', async () => {
  await using run = await startRun(model);
  await expect(run.startOptimizer({}, silent, AbortSignal.abort())).rejects.toMatchObject({
    code: 'cancelled',
    reason: 'STOPPED',
  });
  await run.train(pairs(16));
  expect(run.optimizer.trainer.status.state).toBe('finished');
});

test('an optimizer whose folder another one has taken over writes no checkpoint there, and removes none', async () => {
  await using run = await startRun(model);
  await run.train(pairs(16));
  await run.startOptimizer({ checkpointFolder: run.checkpointFolder });
  const before = await readdir(run.checkpointFolder);
  await expect(run.connection.checkpoint({}, CALL)).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'FENCED',
    message: expect.stringContaining(`process ${process.pid} on`),
  });
  expect(await readdir(run.checkpointFolder)).toEqual(before);
});

test('after a failure that needs a person the service goes on to say so, and exits with an error when asked to', async () => {
  const folder = await temporaryFolder();
  const [log, config] = [join(folder, 'log.sqlite'), join(folder, 'run.yaml')];
  await writeFile(config, JSON.stringify({ steps: 4 }));
  await using optimizer = new ServiceProcess([
    ...['serve', 'optimizer', '--model', model, '--run', config, '--log', log, '--folder', join(folder, 'state')],
    ...['--scorers', '127.0.0.1:1', '--address', '127.0.0.1:0'],
  ]);
  using connection = connect(OptimizerServiceDefinition, await optimizer.address());
  await using events = openEmbeddedEventLog({ path: log });
  const batch = PreferenceBatch.fromPartial({ pairs: [{ id: 'a' }], runSpecificationDigest: 'sha256:other' });
  const topic = topicsWithPrefix().preferenceBatches;
  await events.append([{ topic, partition: 0, value: PreferenceBatch.encode(batch).finish() }]);
  await optimizer.event(({ event }) => event === 'run.failed');
  expect(await connection.getStatus({}, CALL)).toMatchObject({
    state: RunState.FAILED,
    message: expect.stringContaining('batch at offset 0 was made with another run specification'),
  });
  expect(await Array.fromAsync(connection.watchSteps({ fromStep: 1n }, CALL))).toEqual([]);
  expect(await optimizer.stop('SIGTERM')).toBe(1);
});
