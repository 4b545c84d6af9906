import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, Backoff, messageOf, unlessAborted } from '@alphapo/base';
import type Cluster from 'kafkajs/src/cluster/index.js';
import errors from 'kafkajs/src/protocol/error.js';
import fetchRequest from 'kafkajs/src/protocol/requests/fetch/v11/request.js';
import { offsetOutOfRange, topicNotFound } from '../errors.ts';
import type { LogRecord } from '../event-log.ts';
import type { KafkaClients } from './client.ts';
import { disconnected } from './disconnected.ts';
import { hasType, isRefusal, kafkaFailure } from './failures.ts';
import { decodeFetchResponse, type FetchResponse } from './fetch-response.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS } from './options.ts';
import { decodeBatches } from './record-batches.ts';

const FETCH_API_KEY = 1;
const FETCH_VERSION = 11;
const READ_COMMITTED = 1;
/** By default. */
const FETCH_BYTES = 4 * 1024 * 1024;
/** For who asks what there is, not for all of it: enough for some hundred markers of transactions that may stand before a record. */
export const LOOK_BYTES = 64 * 1024;
const RETRY_DELAY_MS = 100;
const MAX_RETRY_DELAY_MS = 2_000;
/** A topic that was just made may be unknown to some broker for a moment. */
const UNKNOWN_TOPIC_ATTEMPTS = 8;

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface Fetched {
  readonly records: readonly LogRecord[];
  /** Where to go on: beyond the records, and beyond markers and aborted records that are not shown. */
  readonly nextOffset: bigint;
  /** The partition's end for readers of committed records, as of this fetch. */
  readonly end: bigint;
  /** Whether a transaction was open in the partition. */
  readonly hasOpen: boolean;
}

/**
 * Fetches committed records from any offset, without a group, over its own connections. After any failure it reconnects with
 * fresh metadata.
 */
export class Fetcher implements AsyncDisposable {
  #clients: KafkaClients;
  #cluster: Cluster;
  readonly #fetchBytes: number;

  /** `fetchBytes`: of a response, unless a single batch has more. */
  constructor(clients: KafkaClients, fetchBytes = FETCH_BYTES) {
    this.#clients = clients;
    this.#fetchBytes = fetchBytes;
    this.#cluster = clients.cluster();
  }

  /** Fetches, and tries again while brokers are away or hold it to a quota; undefined once the signal has aborted. */
  async fetch(position: Position, maxWaitMs: number, signal: AbortSignal): Promise<Fetched | undefined> {
    const backoff = new Backoff(RETRY_DELAY_MS, MAX_RETRY_DELAY_MS);
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const fetched = await unlessAborted(this.#fetchOnce(position, maxWaitMs), signal);
        if (fetched !== 'throttled') return fetched;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#reconnect();
        if (!isPassing(error, attempt)) throw error;
        const { topic, partition } = position;
        this.#clients.logger('warn', 'kafka-fetch.retried', { topic, partition, error: messageOf(error), attempt });
      }
      await sleep(backoff.failed(), undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disconnected(this.#cluster);
  }

  /** A broker that holds this client to a quota (KIP-219) says nothing of the partition: it is to be asked again. */
  async #fetchOnce(position: Position, maxWaitMs: number): Promise<Fetched | 'throttled'> {
    const { topic, partition, offset } = position;
    const response = await this.#request(position, maxWaitMs);
    const fetched = response.partition;
    const errorCode = response.errorCode || (fetched?.errorCode ?? 0);
    if (errorCode !== 0) throw failureOf(position, errors.createErrorFromCode(errorCode));
    if (fetched === undefined) return 'throttled';
    const { records, nextOffset } = decodeBatches(
      { topic, partition, fromOffset: offset },
      fetched.batches,
      fetched.aborted,
    );
    const { lastStableOffset: end, highWatermark } = fetched;
    return { records, nextOffset: nextOffset ?? offset, end, hasOpen: end < highWatermark };
  }

  async #request(position: Position, maxWaitMs: number): Promise<FetchResponse> {
    const { topic, partition, offset } = position;
    try {
      const broker = await this.#leader(topic, partition);
      const request = fetchRequest({
        replicaId: -1,
        maxWaitTime: Math.ceil(maxWaitMs),
        minBytes: 1,
        maxBytes: this.#fetchBytes,
        isolationLevel: READ_COMMITTED,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: this.#fetchBytes }] }],
      });
      const response = {
        decode: async (payload: Buffer) => decodeFetchResponse(payload),
        parse: async (decoded: FetchResponse) => decoded,
      };
      const requestTimeout = maxWaitMs + (this.#clients.options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS);
      return await broker.connectionPool.send<FetchResponse>({ request, response, requestTimeout });
    } catch (error) {
      throw failureOf(position, error);
    }
  }

  async #leader(topic: string, partition: number) {
    await this.#cluster.connect();
    await this.#cluster.addTargetTopic(topic);
    await this.#cluster.refreshMetadataIfNecessary();
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) throw errors.createErrorFromCode(UNKNOWN_TOPIC_OR_PARTITION);
    const broker = await this.#cluster.findBroker({ nodeId });
    const version = broker.versions[FETCH_API_KEY]?.maxVersion ?? 0;
    if (version < FETCH_VERSION) {
      throw new AlphapoError(
        'unimplemented',
        'KAFKA_TOO_OLD',
        'the Kafka brokers are older than 2.3; use 2.3 or later',
      );
    }
    return broker;
  }

  #reconnect(): void {
    void this.#cluster.disconnect().catch(() => {});
    this.#cluster = this.#clients.cluster();
  }
}

const UNKNOWN_TOPIC_OR_PARTITION = 3;

function failureOf({ topic, partition, offset }: Position, error: unknown): AlphapoError {
  if (error instanceof AlphapoError) return error;
  if (hasType(error, 'OFFSET_OUT_OF_RANGE')) return offsetOutOfRange(topic, partition, offset, error);
  if (hasType(error, 'UNKNOWN_TOPIC_OR_PARTITION') && !isRefusal(error)) return topicNotFound(topic);
  return kafkaFailure(`reading topic "${topic}", partition ${partition}`, error);
}

function isPassing(error: unknown, attempt: number): boolean {
  if (!(error instanceof AlphapoError)) return false;
  return error.code === 'unavailable' || (error.reason === 'TOPIC_NOT_FOUND' && attempt < UNKNOWN_TOPIC_ATTEMPTS);
}
