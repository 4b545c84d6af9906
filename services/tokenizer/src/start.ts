import {
  type RunSpecification,
  runSpecificationDigest,
  TokenizerServiceDefinition,
  type Topics,
} from '@alphapo/contracts';
import { type EventLog, partitionsFor } from '@alphapo/messaging';
import { Handlers, type RpcSecurity, RpcServer } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import { TokenizerPool } from '@alphapo/tokenization';
import { accountedTo } from './accounted.ts';
import { BackPressure } from './back-pressure.ts';
import { type BatchOptions, makeBatches } from './batcher.ts';
import type { TokenizerEvents } from './events.ts';
import { TokenizerService } from './service.ts';

export interface TokenizerConfig {
  /** Folder of a Hugging Face model; only its tokenizer is read. */
  readonly model: string;
  readonly specification: RunSpecification;
  readonly chatTemplate?: string | undefined;
  /** Host and port to listen on. */
  readonly address: string;
  /** How long running calls have to end at a graceful stop, in milliseconds; the server's default where absent. */
  readonly drainMs?: number | undefined;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  readonly topics: Topics;
  /** Partitions of `preferences`, where it has to be made. */
  readonly preferencesPartitions: number;
  /** A partial batch is flushed when no record came for this long; undefined: only at the end of the data. */
  readonly lingerMs?: number | undefined;
  /** Batches that wait for the optimizer, at most; undefined: any number. */
  readonly maxBatchesAhead?: number | undefined;
  /** Processes that tokenize, each with the tokenizer in its own memory. Default: one. */
  readonly processes?: number | undefined;
  /** Further fields of records that are passed over; none where absent. */
  readonly ignoreFields?: readonly string[];
}

export interface RunningTokenizer extends AsyncDisposable {
  readonly address: string;
  /** Owned by the service. */
  readonly tokenizer: TokenizerPool;
  /** Makes batches of the topic's records until the signal. */
  consume(signal: AbortSignal): Promise<void>;
}

/** Opens the tokenizer and serves it. `log`: its questions are to wait for brokers that are away, as those of `awaitConfiguredLog` do. */
export async function startTokenizer(
  config: TokenizerConfig,
  log: EventLog,
  logger: Logger<TokenizerEvents>,
): Promise<RunningTokenizer> {
  await using opened = new AsyncDisposableStack();
  const { specification, topics, chatTemplate, processes } = config;
  const tokenizer = opened.use(await TokenizerPool.open(config.model, { chatTemplate, processes }));
  const { description } = tokenizer;
  const partitions = await partitionsFor(log, topics.preferences, config.preferencesPartitions);
  if (partitions !== config.preferencesPartitions) {
    logger.info('partition-count.kept', { topic: topics.preferences, partitions });
  }
  await log.ensureTopics([
    { name: topics.preferences, partitions },
    { name: topics.preferenceBatches, partitions: 1, retentionMs: 'forever' },
    { name: topics.deadLetters, partitions: 1 },
  ]);
  const handlers = new Handlers(logger);
  const service = new TokenizerService(tokenizer, specification.lengths);
  const implementation = {
    describe: handlers.unary(service.describe.bind(service)),
    encode: handlers.unary(service.encode.bind(service)),
    decode: handlers.unary(service.decode.bind(service)),
    applyChatTemplate: handlers.unary(service.applyChatTemplate.bind(service)),
  };
  const services = [{ definition: TokenizerServiceDefinition, implementation }];
  const { address, security, drainMs } = config;
  const server = opened.use(await RpcServer.start({ address, services, handlers, security, drainMs }));
  const batchOptions: BatchOptions = {
    batchPairs: specification.batch.pairs,
    lengths: specification.lengths,
    ignoreFields: config.ignoreFields ?? [],
    lingerMs: config.lingerMs,
    tokenizerDigest: description.digest,
    chatTemplateDigest: description.chatTemplate.digest,
    runSpecificationDigest: runSpecificationDigest(specification),
    batchesTopic: topics.preferenceBatches,
    deadLettersTopic: topics.deadLetters,
  };
  const pressure = new BackPressure(log, {
    batchesTopic: topics.preferenceBatches,
    group: topics.optimizerGroup,
    maxBatchesAhead: config.maxBatchesAhead,
    onHeld: (batchesAhead) => logger.info('batch.held-back', { batchesAhead }),
  });
  const sourcePartitions = () => log.partitions(topics.preferences);
  logger.info('tokenizer.started', {
    address: server.address,
    tokenizerDigest: description.digest,
    chatTemplate: description.chatTemplate.source,
    chatTemplatePlace: description.chatTemplate.place,
  });
  const owned = opened.move();
  return {
    address: server.address,
    tokenizer,
    consume: (signal) =>
      log.transform({
        group: topics.tokenizerGroup,
        topic: topics.preferences,
        outputs: [topics.preferenceBatches, topics.deadLetters].map((topic) => ({ topic, partition: 0 })),
        signal,
        handle: (task) =>
          makeBatches(task, batchOptions, {
            tokenizer,
            pressure,
            sourcePartitions,
            accountedTo: (task) => accountedTo(log, topics, task),
            onCommit: (batch) => logger.info('batch.committed', { partition: task.partition, ...batch }),
          }),
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
