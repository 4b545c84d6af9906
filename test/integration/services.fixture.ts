import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { initModel, TINY_CONFIG } from '@alphapo/cli';
import {
  CONTROL_HEADER,
  END_OF_DATA,
  OptimizerServiceDefinition,
  type RunSettings,
  type RunSpecification,
  resolveRunSpecification,
  runSettingsSchema,
  topicsWithPrefix,
} from '@alphapo/contracts';
import { type EventLog, type LogRecord, openEmbeddedEventLog } from '@alphapo/messaging';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { type OptimizerConfig, type RunningOptimizer, startOptimizer } from '@alphapo/optimizer';
import { type Client, connect } from '@alphapo/rpc';
import { type RunningScorer, startScorer } from '@alphapo/scorer';
import { createLogger, type Logger } from '@alphapo/telemetry';
import { type RunningTokenizer, startTokenizer } from '@alphapo/tokenizer';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Services in this process, over loopback gRPC and an embedded log: what tests of single services stand on. */

export const silent = createLogger({ service: 'test', level: 'silent' });
export const topics = topicsWithPrefix();
export const LOOPBACK = '127.0.0.1:0';
export const CALL = { timeoutMs: 30_000 };

const SMALL = {
  ...TINY_CONFIG,
  hidden_size: 16,
  intermediate_size: 32,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
};

/** A random model of a few thousand parameters with a tokenizer of bytes; returns its folder. */
export async function smallModel(seed = 7): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await initModel(folder, SMALL, seed);
  return folder;
}

export async function specificationFor(model: string, settings: Partial<RunSettings> = {}): Promise<RunSpecification> {
  const whole = { learningRate: 1e-2, batchSize: 4, steps: 4, shards: 2, loraRank: 2, ...settings };
  return resolveRunSpecification(runSettingsSchema.parse(whole), runFacts(await readModelDefinition(model), undefined));
}

/** Pairs that can be learnt: the chosen response is the next number. */
export const pairs = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `pair-${i}`,
    prompt: `After ${i}:`,
    chosen: ` ${i + 1}`,
    rejected: ` ${i}`,
  }));

/** Puts records into `preferences`, and the end of the data after them. */
export async function produce(log: EventLog, records: readonly unknown[]): Promise<void> {
  await log.append([
    ...records.map((record) => ({ topic: topics.preferences, partition: 0, value: JSON.stringify(record) })),
    { topic: topics.preferences, partition: 0, value: '', headers: { [CONTROL_HEADER]: END_OF_DATA } },
  ]);
}

/** All records of a topic's first partition. */
export async function recordsOf(log: EventLog, topic: string): Promise<LogRecord[]> {
  const { signal } = new AbortController();
  const { first } = await log.bounds(topic, 0);
  return (await Array.fromAsync(log.read(topic, 0, first, { signal, stop: 'at-end' }))).flat();
}

/** Names of checkpoints in a folder, also of those that are half-written. */
export async function checkpointsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^(step|\.tmp)-/.test(name)).sort();
}

/** Waits until something holds, for twenty seconds at most. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come to hold within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface TestRun extends AsyncDisposable {
  readonly folder: string;
  readonly log: EventLog;
  readonly tokenizer: RunningTokenizer;
  readonly optimizer: RunningOptimizer;
  readonly connection: Client<OptimizerServiceDefinition>;
  readonly scorer: RunningScorer;
  /** Addresses that the optimizer finds; the scorer's at first. */
  readonly scorers: string[];
  /** Another optimizer of the same run, with checkpoints of its own unless they are given. */
  startOptimizer(config?: Partial<OptimizerConfig>, logger?: Logger, signal?: AbortSignal): Promise<RunningOptimizer>;
  /** The checkpoints of the first optimizer. */
  readonly checkpointFolder: string;
  /** Another scorer, which fetches policies from this optimizer. */
  startScorer(optimizerAddress: string): Promise<RunningScorer>;
  /** Trains on the pairs to the end; returns the digest of the last policy. */
  train(records: readonly unknown[]): Promise<string>;
}

/** Tokenizer, optimizer and scorer of a run; `referenceModel`: the one that optimizer and scorer are given. */
export async function startRun(
  model: string,
  settings: Partial<RunSettings> = {},
  referenceModel?: string,
): Promise<TestRun> {
  await using opened = new AsyncDisposableStack();
  const folder = await temporaryFolder();
  const specification = await specificationFor(model, settings);
  const log = opened.use(openEmbeddedEventLog({ path: join(folder, 'log.sqlite') }));
  const scorers: string[] = [];
  const tokenizer = opened.use(
    await startTokenizer({ model, specification, address: LOOPBACK, topics, preferencesPartitions: 1 }, log, silent),
  );
  let optimizers = 0;
  const another = (
    config: Partial<OptimizerConfig> = {},
    logger = silent,
    signal: AbortSignal = new AbortController().signal,
  ) =>
    startOptimizer(
      {
        model,
        referenceModel,
        specification,
        address: LOOPBACK,
        checkpointFolder: join(folder, `checkpoints-${++optimizers}`),
        exportFolder: join(folder, 'exports'),
        checkpointEvery: 100,
        checkpointsKept: { newest: 2 },
        topics,
        shardTimeoutMs: 30_000,
        discoverScorers: async () => scorers,
        ...config,
      },
      log,
      logger,
      signal,
    );
  const optimizer = opened.use(await another());
  const connection = opened.use(connect(OptimizerServiceDefinition, optimizer.address));
  const anotherScorer = (optimizerAddress: string) =>
    startScorer(
      { model, referenceModel, address: LOOPBACK, optimizerAddress, executionProvider: 'cpu', threads: 1 },
      silent,
    );
  const scorer = opened.use(await anotherScorer(optimizer.address));
  scorers.push(scorer.address);
  const train = async (records: readonly unknown[]) => {
    await produce(log, records);
    const stop = new AbortController();
    const consuming = tokenizer.consume(stop.signal);
    try {
      await optimizer.train(stop.signal);
    } finally {
      stop.abort();
      await consuming;
    }
    return optimizer.trainer.policy.digest;
  };
  const owned = opened.move();
  return {
    ...{ folder, log, tokenizer, optimizer, connection, scorer, scorers, train },
    checkpointFolder: join(folder, 'checkpoints-1'),
    startOptimizer: async (...args) => owned.use(await another(...args)),
    startScorer: anotherScorer,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
