import { join } from 'node:path';
import { traceRecord, type VerifyReport, verifyRun } from '@alphapo/cli';
import { type EventLog, openEmbeddedEventLog } from '@alphapo/messaging';
import { startTokenizer } from '@alphapo/tokenizer';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { LOOPBACK, pairs, silent, smallModel, specificationFor, startRun, topics, until } from './services.fixture.ts';

/** Runs that go on while they are looked at. */

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

const { signal } = new AbortController();
const verify = (log: EventLog, checkpointFolder?: string) =>
  verifyRun({ log, topics, checkpointFolder }, { problemsKept: 10, signal, onProgress: () => {} });

test('at every moment of a run there is no problem, and at its end nothing waits', async () => {
  await using run = await startRun(model, { steps: 12, batchSize: 2 });
  const checkpointFolder = join(run.folder, 'checkpoints');
  const optimizer = await run.startOptimizer({ checkpointFolder, checkpointEvery: 1 });
  await using scorer = await run.startScorer(optimizer.address);
  run.scorers.splice(0, 1, scorer.address);
  const records = pairs(24).flatMap((pair, i) => (i % 5 === 0 ? [{ prompt: 1 }, pair] : [pair]));
  const stop = new AbortController();
  const reports: VerifyReport[] = [];
  let isRunning = true;
  const looking = (async () => {
    while (isRunning) reports.push(await verify(run.log, checkpointFolder));
  })();
  const consuming = run.tokenizer.consume(stop.signal);
  const training = optimizer.train(stop.signal);
  for (const record of records) {
    await run.log.append([{ topic: topics.preferences, partition: 0, value: JSON.stringify(record) }]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await training;
  isRunning = false;
  await looking;
  stop.abort();
  await consuming;
  expect(reports.flatMap(({ problems }) => problems.first)).toEqual([]);
  const last = await verify(run.log, checkpointFolder);
  expect(last).toMatchObject({ verdict: 'clean', steps: { steps: 12, waitingBatches: 0 }, deadLetters: 5 });
  // Some were looked at on the way.
  expect(new Set(reports.map(({ steps }) => steps.steps)).size).toBeGreaterThan(2);
});

test('partitions are accounted for by themselves, dead letters without a batch too, and nothing was trained yet', async () => {
  await using log = openEmbeddedEventLog({ path: join(await temporaryFolder(), 'log.sqlite') });
  const specification = await specificationFor(model, { batchSize: 3 });
  const config = { model, specification, address: LOOPBACK, topics, preferencesPartitions: 2, lingerMs: 30 };
  await using tokenizer = await startTokenizer(config, log, silent);
  const stop = new AbortController();
  const consuming = tokenizer.consume(stop.signal);
  const send = async (partition: number, values: readonly unknown[]) => {
    await log.append(values.map((value) => ({ topic: topics.preferences, partition, value: JSON.stringify(value) })));
    await until(async () => (await log.lag(topics.tokenizerGroup, topics.preferences)).every(({ lag }) => lag === 0n));
  };
  await send(0, pairs(7));
  await send(1, [{}, {}]);
  await send(1, [{}, ...pairs(4)]);
  await send(0, [{}]);
  stop.abort();
  await consuming;
  await log.append([{ topic: topics.preferences, partition: 1, value: JSON.stringify(pairs(1)[0]) }]);
  const report = await verify(log);
  expect(report.problems.first).toEqual([]);
  expect(report.sources).toMatchObject([
    { partition: 0, records: 8, pairs: 7, deadLetters: 1, waiting: 0, lost: 0 },
    { partition: 1, records: 8, pairs: 4, deadLetters: 3, waiting: 1, lost: 0 },
  ]);
  expect(report).toMatchObject({ runId: undefined, steps: { steps: 0, waitingBatches: report.batches.count } });
  const trace = await traceRecord({ log, topics, checkpointFolder: undefined }, { kind: 'id', id: 'pair-0' }, signal);
  expect(trace.map(({ source, fate }) => [source.partition, source.offset, fate.kind])).toEqual([
    [0, 0n, 'pair'],
    [1, 3n, 'pair'],
    [1, 7n, 'waiting'],
  ]);
});
