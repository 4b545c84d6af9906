import { join } from 'node:path';
import { CONTROL_HEADER, END_OF_DATA } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { type OptimizerConfig, startOptimizer } from '@alphapo/optimizer';
import { startScorer } from '@alphapo/scorer';
import { startTokenizer } from '@alphapo/tokenizer';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { LOOPBACK, pairs, silent, smallModel, specificationFor, topics, until } from './services.fixture.ts';

const PARTITIONS = 3;

test('a run over several partitions ends when all of them have ended, also one that was interrupted in between', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await temporaryFolder();
  const model = await smallModel();
  const specification = await specificationFor(model, {
    batchSize: 4,
    steps: 1000,
    maxLength: 64,
    maxPromptLength: 48,
  });
  const log = opened.use(openEmbeddedEventLog({ path: join(folder, 'log.sqlite') }));
  const common = { model, specification, address: LOOPBACK, topics };
  const tokenizer = opened.use(
    await startTokenizer({ ...common, preferencesPartitions: PARTITIONS, maxBatchesAhead: 100 }, log, silent),
  );
  const scorers: string[] = [];
  const config: OptimizerConfig = {
    ...common,
    checkpointFolder: join(folder, 'checkpoints'),
    exportFolder: join(folder, 'exports'),
    checkpointEvery: 2,
    checkpointsKept: { newest: 2 },
    shardTimeoutMs: 30_000,
    discoverScorers: async () => scorers,
  };
  const stop = new AbortController();
  const consuming = tokenizer.consume(stop.signal);
  const put = (partition: number, end: boolean) =>
    log.append([
      ...pairs(6).map((pair) => ({ topic: topics.preferences, partition, value: JSON.stringify(pair) })),
      ...(end ? [{ topic: topics.preferences, partition, value: '', headers: { [CONTROL_HEADER]: END_OF_DATA } }] : []),
    ]);
  const trainUntil = async (steps: number) => {
    await using optimizer = await startOptimizer(config, log, silent, stop.signal);
    await using scorer = await startScorer(
      { model, address: LOOPBACK, optimizerAddress: optimizer.address, executionProvider: 'cpu', threads: 1 },
      silent,
    );
    scorers.splice(0, 1, scorer.address);
    const interrupt = new AbortController();
    const training = optimizer.train(interrupt.signal);
    await until(() => optimizer.trainer.policy.step >= steps);
    if (optimizer.trainer.status.state !== 'finished') interrupt.abort();
    await training;
    return optimizer.trainer.status.state;
  };

  await put(2, true);
  await put(0, true);
  expect(await trainUntil(4)).not.toBe('finished');
  await put(1, false);
  expect(await trainUntil(5)).not.toBe('finished');
  await put(1, true);
  await using last = await startOptimizer(config, log, silent, stop.signal);
  await using scorer = await startScorer(
    { model, address: LOOPBACK, optimizerAddress: last.address, executionProvider: 'cpu', threads: 1 },
    silent,
  );
  scorers.splice(0, 1, scorer.address);
  await last.train(new AbortController().signal);
  expect(last.trainer.status.state).toBe('finished');
  expect(last.steps.steps.reduce((sum, step) => sum + step.pairs, 0)).toBe(4 * 6);
  stop.abort();
  await consuming;
});
