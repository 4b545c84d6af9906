import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { Partitioners, type Producer, type RetryOptions, type Transaction } from 'kafkajs';
import { fenced, recordTooLarge, transactionExpired } from '../errors.ts';
import type { GroupPosition, OutgoingRecord, WritePlaces } from '../event-log.ts';
import type { KafkaAdmin } from './admin.ts';
import type { KafkaClients } from './client.ts';
import { disconnected } from './disconnected.ts';
import { hasType, isFencing, isTooLarge, kafkaFailure } from './failures.ts';
import { DEFAULT_TRANSACTION_TIMEOUT_MS } from './options.ts';
import { requestsOf } from './outgoing.ts';

/** Each transaction that follows another meets CONCURRENT_TRANSACTIONS once; kafkajs would pause 300 ms for it. */
const TRANSACTION_RETRY: RetryOptions = { initialRetryTime: 10, maxRetryTime: 300, retries: 40 };
/** What `sendOffsets` answers while a former transaction or a coordinator's move is being completed. */
const PASSING_AT_OFFSETS = [
  'CONCURRENT_TRANSACTIONS',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
];
const OFFSETS_RETRY_MS = 10;
const OFFSETS_PATIENCE_MS = 5_000;

/**
 * The exclusive hold of a transactional id. Opening fences the former holder; `publish` is one transaction. Any failure
 * leaves kafkajs's producer in doubt, so its owner must dispose of it and open another.
 */
export class Transactions implements AsyncDisposable {
  readonly id: string;
  #producer: Producer;
  #admin: KafkaAdmin;
  readonly #timeoutMs: number;

  private constructor(id: string, producer: Producer, admin: KafkaAdmin, timeoutMs: number) {
    this.id = id;
    this.#producer = producer;
    this.#admin = admin;
    this.#timeoutMs = timeoutMs;
  }

  /** `placesOf`: where the id may have left something open; it is asked once what can be settled is settled. */
  static async open(
    clients: KafkaClients,
    admin: KafkaAdmin,
    id: string,
    placesOf?: () => Promise<WritePlaces>,
  ): Promise<Transactions> {
    const timeoutMs = clients.options.transactionTimeoutMs ?? DEFAULT_TRANSACTION_TIMEOUT_MS;
    const producer = clients.kafka(TRANSACTION_RETRY).producer({
      transactionalId: id,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      transactionTimeout: timeoutMs,
      retry: TRANSACTION_RETRY,
    });
    let began = performance.now();
    try {
      await producer.connect();
      began = performance.now();
      // Not connect() but the first transaction asks for the next epoch, which fences and settles what was open.
      const transaction = await producer.transaction();
      if (placesOf !== undefined) await touch(transaction, await placesOf());
      await transaction.abort();
      return new Transactions(id, producer, admin, timeoutMs);
    } catch (error) {
      void producer.disconnect().catch(() => {});
      if (isFencing(error)) throw epochFailure(id, error, { timeoutMs, tookMs: performance.now() - began });
      throw kafkaFailure(`opening the transactional id "${id}"`, error);
    }
  }

  async publish(records: readonly OutgoingRecord[], positions: readonly GroupPosition[]): Promise<void> {
    const requests = await requestsOf(records, this.#admin);
    let transaction: Transaction | undefined;
    let committing = false;
    const began = performance.now();
    try {
      transaction = await this.#producer.transaction();
      for (const topicMessages of requests) await transaction.sendBatch({ acks: -1, topicMessages });
      for (const position of positions) await sendPosition(transaction, position);
      committing = true;
      await transaction.commit();
    } catch (error) {
      const tookMs = performance.now() - began;
      if (!committing && transaction?.isActive()) await transaction.abort().catch(() => {});
      throw this.#failureOf(error, records, { committing, tookMs });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disconnected(this.#producer);
  }

  #failureOf(
    error: unknown,
    records: readonly OutgoingRecord[],
    { committing, tookMs }: { readonly committing: boolean; readonly tookMs: number },
  ): AlphapoError {
    if (isFencing(error)) return epochFailure(this.id, error, { timeoutMs: this.#timeoutMs, tookMs });
    if (isTooLarge(error)) {
      const largest = records.reduce((a, b) => (b.value.length > a.value.length ? b : a));
      return recordTooLarge(largest.topic, largest.value.length, error);
    }
    if (!committing) return kafkaFailure(`a transaction of "${this.id}", which was not committed`, error);
    return new AlphapoError(
      'unavailable',
      'WRITE_OUTCOME_UNKNOWN',
      `Kafka became unreachable while "${this.id}" committed (${messageOf(error)}); read the end of the topics to learn whether ` +
        'the records were written',
      { cause: error },
    );
  }
}

/** Brokers end a transaction that takes too long in the same way as another holder does: they raise the epoch. */
function epochFailure(
  id: string,
  error: unknown,
  { timeoutMs, tookMs }: { readonly timeoutMs: number; readonly tookMs: number },
): AlphapoError {
  return tookMs < timeoutMs ? fenced(id, error) : transactionExpired(id, timeoutMs, error);
}

/**
 * Writes to all places in a transaction and aborts it. Its end marker in a partition also ends any transaction of the same id
 * that is still open there.
 *
 * Without it a transaction could stay open forever, and become visible with the next one, after its records have been written
 * again: seen with Kafka 4.4 on a broker that is killed between the decision for a commit and its markers. At its next start it
 * finds no leaders yet, takes the partitions for deleted, and notes the transaction as complete.
 */
async function touch(transaction: Transaction, { partitions, groups }: WritePlaces): Promise<void> {
  const topicMessages = partitions.map(({ topic, partition }) => ({
    topic,
    messages: [{ partition, value: Buffer.alloc(0) }],
  }));
  if (topicMessages.length > 0) await transaction.sendBatch({ acks: -1, topicMessages });
  for (const place of groups) await sendPosition(transaction, { ...place, nextOffset: 0n });
}

/** Where this is a transaction's first call, kafkajs does not wait for the end of the one before. */
async function sendPosition(
  transaction: Transaction,
  { group, topic, partition, nextOffset }: GroupPosition,
): Promise<void> {
  const topics = [{ topic, partitions: [{ partition, offset: String(nextOffset) }] }];
  const deadline = performance.now() + OFFSETS_PATIENCE_MS;
  for (;;) {
    try {
      return await transaction.sendOffsets({ consumerGroupId: group, topics });
    } catch (error) {
      if (!hasType(error, ...PASSING_AT_OFFSETS) || performance.now() > deadline) throw error;
    }
    await sleep(OFFSETS_RETRY_MS);
  }
}
