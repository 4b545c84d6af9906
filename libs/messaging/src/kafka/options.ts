import type { ConnectionOptions } from 'node:tls';
import type { Secret } from '@alphapo/base';
import type { EventLogger } from '../logger.ts';

/** How to reach a Kafka cluster, and how patient to be with it. */
export interface KafkaOptions {
  /** Bootstrap addresses, `host:port`; services take them from `KAFKA_BROKERS`. */
  readonly brokers: readonly string[];
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
  /** TLS: `true` trusts the system's authorities; otherwise authorities, and a certificate for mutual TLS. */
  readonly ssl?: boolean | ConnectionOptions;
  readonly sasl?: KafkaCredentials;
  /** How long to try for the first connection before giving up with an error. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** How long a broker may take to answer a request. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** A group member that is silent for this long loses its partitions to the others. Default 10 s. */
  readonly sessionTimeoutMs?: number;
  /** How long the brokers wait for a writer that vanished inside a transaction; readers wait too. Default 15 s. */
  readonly transactionTimeoutMs?: number;
  readonly logger?: EventLogger;
}

export interface KafkaCredentials {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: Secret;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
export const DEFAULT_SESSION_TIMEOUT_MS = 10_000;
export const DEFAULT_TRANSACTION_TIMEOUT_MS = 15_000;
