import { join } from 'node:path';
import { type ExecutionProvider, type RunSpecification, topicsWithPrefix } from '@alphapo/contracts';
import { type EventLog, openEmbeddedEventLog } from '@alphapo/messaging';
import { type EvaluationConfig, type RunningOptimizer, type SavedDtype, startOptimizer } from '@alphapo/optimizer';
import { inProcess } from '@alphapo/rpc';
import { startSampler } from '@alphapo/sampler';
import { startScorer } from '@alphapo/scorer';
import type { Logger } from '@alphapo/telemetry';
import { startTokenizer } from '@alphapo/tokenizer';

/** A run on one machine: what differs from a deployment is where the services are, not what they do. */
export interface LocalRunOptions {
  readonly model: string;
  /** Folder of the model that the objective compares with; undefined: the model itself. */
  readonly referenceModel: string | undefined;
  readonly specification: RunSpecification;
  readonly folder: string;
  readonly initialAdapter: string | undefined;
  readonly chatTemplate: string | undefined;
  readonly baseModelName: string | undefined;
  /** Further fields of records that are passed over. */
  readonly ignoreFields: readonly string[];
  readonly device: ExecutionProvider;
  readonly threads: number | undefined;
  readonly checkpointEvery: number;
  /** How whole models are stored. */
  readonly savedDtype: SavedDtype;
  /** What policies are evaluated on; they are not where undefined. */
  readonly evaluation: Omit<EvaluationConfig, 'findSampler'> | undefined;
}

export interface LocalRun extends AsyncDisposable {
  readonly log: EventLog;
  readonly optimizer: RunningOptimizer;
  /** Makes batches of what is in `preferences`, until the signal. */
  consume(signal: AbortSignal): Promise<void>;
}

/** A free port of this machine only. */
const LOOPBACK = '127.0.0.1:0';
const CHECKPOINTS_KEPT = { newest: 3 };
const SHARD_TIMEOUT_MS = 60 * 60_000;

/** The embedded log, in the run's folder. */
export const LOG_FILE = 'log.sqlite';
/** Topics of the embedded log. */
export const LOCAL_TOPICS = topicsWithPrefix();

/**
 * Starts tokenizer, scorer and optimizer in this process, with a log in the run's folder. They serve gRPC on this machine,
 * but call each other within the process: the same methods, without copying all weights through a socket twice a step.
 */
export async function startLocalRun(options: LocalRunOptions, logger: Logger, signal: AbortSignal): Promise<LocalRun> {
  await using opened = new AsyncDisposableStack();
  const log = opened.use(openEmbeddedEventLog({ path: join(options.folder, LOG_FILE) }));
  const scorers: string[] = [];
  let samplerAddress = '';
  const { model, referenceModel, specification, chatTemplate, ignoreFields } = options;
  const { pairs = [], prompts = [] } = options.evaluation ?? {};
  const evaluation = pairs.length + prompts.length === 0 ? undefined : options.evaluation;
  const tokenizer = opened.use(
    await startTokenizer(
      {
        ...{ model, specification, chatTemplate, ignoreFields },
        ...{ address: LOOPBACK, topics: LOCAL_TOPICS, preferencesPartitions: 1 },
      },
      log,
      logger.with({ service: 'tokenizer' }),
    ),
  );
  const optimizer = opened.use(
    await startOptimizer(
      {
        model,
        referenceModel,
        specification,
        initialAdapter: options.initialAdapter,
        chatTemplate,
        baseModelName: options.baseModelName,
        address: LOOPBACK,
        checkpointFolder: join(options.folder, 'checkpoints'),
        exportFolder: options.folder,
        savedDtype: options.savedDtype,
        checkpointEvery: options.checkpointEvery,
        checkpointsKept: CHECKPOINTS_KEPT,
        topics: LOCAL_TOPICS,
        shardTimeoutMs: SHARD_TIMEOUT_MS,
        evaluation: evaluation && { ...evaluation, findSampler: () => samplerAddress },
        discoverScorers: async () => scorers,
      },
      log,
      logger.with({ service: 'optimizer' }),
      signal,
    ),
  );
  const scorer = opened.use(
    await startScorer(
      {
        model,
        referenceModel,
        chatTemplate,
        tokenizer: tokenizer.tokenizer,
        address: LOOPBACK,
        optimizerAddress: inProcess(optimizer.address),
        executionProvider: options.device,
        dtype: specification.dtype,
        threads: options.threads,
      },
      logger.with({ service: 'scorer' }),
    ),
  );
  const scorerAddress = inProcess(scorer.address);
  if (prompts.length > 0) {
    const sampler = await startSampler(
      {
        ...{
          model,
          chatTemplate,
          tokenizer: tokenizer.tokenizer,
          engine: scorer.engine,
          executionProvider: options.device,
        },
        ...{ address: LOOPBACK, optimizerAddress: inProcess(optimizer.address), adapters: new Map() },
      },
      logger.with({ service: 'sampler' }),
    );
    samplerAddress = inProcess(opened.use(sampler).address);
  }
  // There is no other scorer: do not wait for one that computes the same bits as the run did before.
  await optimizer.checkScorer(scorerAddress);
  scorers.push(scorerAddress);
  const owned = opened.move();
  return {
    log,
    optimizer,
    consume: (signal) => tokenizer.consume(signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
