import { recordsExpired } from '../errors.ts';
import type { LogRecord, OutgoingRecord, PartitionPlace, TransformOptions } from '../event-log.ts';
import type { PartitionSession } from '../transform/backend.ts';
import type { KafkaAdmin } from './admin.ts';
import type { KafkaClients } from './client.ts';
import { Fetcher, LOOK_BYTES } from './fetcher.ts';
import { DEFAULT_TRANSACTION_TIMEOUT_MS } from './options.ts';
import { FETCH_WAIT_MS } from './reader.ts';
import { stableOffset } from './stable-offset.ts';
import { Transactions } from './transactions.ts';

const LOOK_PATIENCE_MS = 5_000;

/**
 * Takes over an input partition, in an order that matters: first the fence, which also ends the previous owner's open
 * transaction; then the committed offset, which only this owner can now move; then reading from there.
 *
 * One transactional id per input partition, as kafkajs does not fence by the group's generation (KIP-447).
 */
export async function openSession(
  clients: KafkaClients,
  admin: KafkaAdmin,
  { group, topic, outputs = [] }: Pick<TransformOptions, 'group' | 'topic' | 'outputs'>,
  partition: number,
): Promise<PartitionSession> {
  const placesOf = async () => ({
    partitions: await withOpenTransactions(clients, admin, outputs),
    groups: [{ group, topic, partition }],
  });
  const transactions = await Transactions.open(clients, admin, `${group}.${topic}.${partition}`, placesOf);
  try {
    const { first } = await admin.bounds(topic, partition);
    const settledMs = clients.options.transactionTimeoutMs ?? DEFAULT_TRANSACTION_TIMEOUT_MS;
    const startOffset = (await stableOffset(clients, { group, topic, partition }, settledMs)) ?? first;
    if (startOffset < first) throw recordsExpired(group, topic, partition, startOffset, first);
    return new KafkaSession(transactions, new Fetcher(clients), { group, topic, partition }, startOffset);
  } catch (error) {
    await transactions[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Those of the partitions in which a transaction is open, be it another's. What opening a session would write to the others, markers above
 * all, counts as lag of their readers, for whom there is nothing to read.
 */
async function withOpenTransactions(
  clients: KafkaClients,
  admin: KafkaAdmin,
  places: readonly PartitionPlace[],
): Promise<PartitionPlace[]> {
  await using fetcher = new Fetcher(clients, LOOK_BYTES);
  const found: PartitionPlace[] = [];
  for (const place of places) {
    // Not answered before the leader knows how far its records are replicated (KIP-207): what is open shows.
    const { next } = await admin.bounds(place.topic, place.partition);
    // Without an answer it may be: brokers that are away must not keep a session that is to be given up.
    const fetched = await fetcher.fetch({ ...place, offset: next }, 0, AbortSignal.timeout(LOOK_PATIENCE_MS));
    if (fetched?.hasOpen !== false) found.push(place);
  }
  return found;
}

interface InputPlace {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

class KafkaSession implements PartitionSession {
  readonly startOffset: bigint;
  #transactions: Transactions;
  #fetcher: Fetcher;
  #place: InputPlace;
  /** Where to fetch next … */
  #position: bigint;
  /** … and the offset after the last record that was handed out; markers may lie between the two. */
  #afterLast: bigint;

  constructor(transactions: Transactions, fetcher: Fetcher, place: InputPlace, startOffset: bigint) {
    this.#transactions = transactions;
    this.#fetcher = fetcher;
    this.#place = place;
    this.startOffset = startOffset;
    this.#position = startOffset;
    this.#afterLast = startOffset;
  }

  async fetch(timeoutMs: number, signal: AbortSignal): Promise<readonly LogRecord[]> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const waitMs = Math.min(FETCH_WAIT_MS, Math.max(0, deadline - performance.now()));
      const fetched = await this.#fetcher.fetch({ ...this.#place, offset: this.#position }, waitMs, signal);
      if (fetched === undefined) return [];
      this.#position = fetched.nextOffset;
      const last = fetched.records.at(-1);
      if (last !== undefined) this.#afterLast = last.offset + 1n;
      if (last !== undefined || performance.now() >= deadline) return fetched.records;
    }
  }

  /** Commits the offset after the markers that follow the last record, so that a group that read all has no lag. */
  async commit(outputs: readonly OutgoingRecord[], nextOffset: bigint): Promise<void> {
    const settled = nextOffset === this.#afterLast ? this.#position : nextOffset;
    await this.#transactions.publish(outputs, [{ ...this.#place, nextOffset: settled }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#transactions[Symbol.asyncDispose](), this.#fetcher[Symbol.asyncDispose]()]);
  }
}
