import { Kafka, type KafkaConfig, type LogEntry, logLevel, type RetryOptions, type SASLOptions } from 'kafkajs';
import Cluster from 'kafkajs/src/cluster/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import socketFactory from 'kafkajs/src/network/socketFactory.js';
import { type EventLogger, silentLogger } from '../logger.ts';
import { ClientLog } from './client-log.ts';
import { repairKafkajs } from './kafkajs-repairs.ts';
import {
  DEFAULT_CONNECT_TIMEOUT_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  type KafkaCredentials,
  type KafkaOptions,
} from './options.ts';

repairKafkajs();

/** What kafkajs retries by itself while a broker restarts: about a minute, with short pauses. */
export const PATIENT_RETRY: RetryOptions = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 };
/** For calls that are repeated from outside: give up soon, so that the caller can look at its signal. */
export const BRIEF_RETRY: RetryOptions = { initialRetryTime: 50, maxRetryTime: 500, retries: 5 };

/** Makes kafkajs clients and raw clusters from one configuration. */
export class KafkaClients {
  readonly options: KafkaOptions;
  readonly logger: EventLogger;
  readonly #log: ClientLog;

  constructor(options: KafkaOptions) {
    this.options = options;
    this.logger = options.logger ?? silentLogger;
    this.#log = new ClientLog(this.logger);
  }

  kafka(retry: RetryOptions): Kafka {
    return new Kafka({ ...this.#connection(), retry, logLevel: logLevel.WARN, logCreator: this.#logCreator });
  }

  /** A separate connection pool, because fetches that wait for records block other requests on their connection. */
  cluster(): Cluster {
    return new Cluster({
      ...this.#connection(),
      retry: BRIEF_RETRY,
      logger: loggers.createLogger({ level: logLevel.WARN, logCreator: this.#logCreator }),
      socketFactory: socketFactory(),
      metadataMaxAge: 300_000,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
    });
  }

  #connection(): KafkaConfig {
    const { brokers, clientId, ssl, sasl, connectTimeoutMs, requestTimeoutMs } = this.options;
    return {
      brokers: [...brokers],
      clientId,
      connectionTimeout: connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      authenticationTimeout: connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      reauthenticationThreshold: 10_000,
      requestTimeout: requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      enforceRequestTimeout: true,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: revealed(sasl) }),
    };
  }

  #logCreator = () => (entry: LogEntry) => this.#log.write(entry);
}

/** In kafkajs's form; kafkajs modifies it, so each client gets its own object. */
function revealed({ mechanism, username, password }: KafkaCredentials): SASLOptions {
  return { mechanism, username, password: password.reveal() };
}
