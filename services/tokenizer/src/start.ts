import {
  type RunSpecification,
  runSpecificationDigest,
  TokenizerServiceService,
  type Topics,
} from '@alphapo/contracts';
import type { EventLog } from '@alphapo/messaging';
import { Handlers, type RpcSecurity, RpcServer } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import { openTokenizer } from '@alphapo/tokenization';
import { makeBatches } from './batcher.ts';
import { TokenizerService } from './service.ts';

/** The consumer group of all tokenizers of a deployment. */
const GROUP = 'alphapo-tokenizer';

export interface TokenizerConfig {
  /** Folder of a Hugging Face model; only its tokenizer is read. */
  readonly model: string;
  readonly specification: RunSpecification;
  readonly chatTemplate?: string | undefined;
  /** Host and port to listen on. */
  readonly address: string;
  /** Certificates and access; plaintext and open to everybody where absent. */
  readonly security?: RpcSecurity | undefined;
  readonly topics: Topics;
  /** Partitions of `preferences`, where it has to be made. */
  readonly preferencesPartitions: number;
  /** A partial batch is flushed when no record came for this long; undefined: only at the end of the data. */
  readonly lingerMs?: number | undefined;
}

export interface RunningTokenizer extends AsyncDisposable {
  readonly address: string;
  /** Makes batches of the topic's records until the signal. */
  consume(signal: AbortSignal): Promise<void>;
}

/** Opens the tokenizer and serves it. */
export async function startTokenizer(
  config: TokenizerConfig,
  log: EventLog,
  logger: Logger,
): Promise<RunningTokenizer> {
  const { specification, topics } = config;
  const tokenizer = await openTokenizer(config.model, { chatTemplate: config.chatTemplate });
  await log.ensureTopics([
    { name: topics.preferences, partitions: config.preferencesPartitions },
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
  const services = [{ definition: TokenizerServiceService, implementation }];
  const server = await RpcServer.start({ address: config.address, services, handlers, security: config.security });
  const batchOptions = {
    batchPairs: specification.batch.pairs,
    ...specification.lengths,
    lingerMs: config.lingerMs,
    runSpecificationDigest: runSpecificationDigest(specification),
    batchesTopic: topics.preferenceBatches,
    deadLettersTopic: topics.deadLetters,
  };
  logger.info('tokenizer.started', {
    address: server.address,
    tokenizerDigest: tokenizer.digest,
    chatTemplate: tokenizer.chatTemplate.source,
  });
  return {
    address: server.address,
    consume: (signal) =>
      log.transform({
        group: GROUP,
        topic: topics.preferences,
        signal,
        handle: (task) =>
          makeBatches(task, tokenizer, batchOptions, (batch) =>
            logger.info('batch.committed', { partition: task.partition, ...batch }),
          ),
      }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
