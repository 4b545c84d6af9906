import { AlphapoError, messageOf } from '@alphapo/base';
import {
  type DeadLetter,
  deadLetterFromHeaders,
  PreferenceBatch,
  type TrainingStep,
  trainingStepSchema,
} from '@alphapo/contracts';
import type { Bounds, EventLog, LogRecord } from '@alphapo/messaging';

/** A record of the ledger with what it says, or why it can't be read. */
export type Decoded<T> = { readonly record: LogRecord } & (
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string }
);

/** The bounds of a partition; a topic that no service has made yet is empty. */
export async function boundsOf(log: EventLog, topic: string, partition: number): Promise<Bounds> {
  try {
    return await log.bounds(topic, partition);
  } catch (error) {
    if (error instanceof AlphapoError && error.reason === 'TOPIC_NOT_FOUND') return { first: 0n, next: 0n };
    throw error;
  }
}

/** The records of a partition from an offset up to its end as of now, one by one; no more than a fetch is in memory. */
export async function* recordsOf(
  log: EventLog,
  topic: string,
  partition: number,
  signal: AbortSignal,
  from = 0n,
): AsyncGenerator<LogRecord> {
  const { first, next } = await boundsOf(log, topic, partition);
  const start = from > first ? from : first;
  if (start >= next) return;
  for await (const records of log.read(topic, partition, start, { signal, stop: 'at-end' })) yield* records;
  if (signal.aborted) throw stopped();
}

/** Whoever asked has stopped it. */
export const stopped = () => new AlphapoError('cancelled', 'STOPPED', 'stopped before the end');

export const decodeBatch = (record: LogRecord): Decoded<PreferenceBatch> =>
  decoded(record, (value) => PreferenceBatch.decode(value));

export const decodeStep = (record: LogRecord): Decoded<TrainingStep> =>
  decoded(record, (value) => trainingStepSchema.parse(JSON.parse(new TextDecoder().decode(value))));

/** Where the record of a dead letter was read; its own bytes may be anything. */
export function decodeDeadLetter(record: LogRecord): Decoded<DeadLetter> {
  for (const name of ['alphapo-topic', 'alphapo-partition', 'alphapo-offset']) {
    const value = record.headers[name];
    const isRight = name === 'alphapo-topic' ? value !== undefined : /^\d{1,18}$/.test(value ?? '');
    if (!isRight) return { record, ok: false, problem: `header ${name} is ${JSON.stringify(value ?? null)}` };
  }
  return { record, ok: true, value: deadLetterFromHeaders(record.headers) };
}

function decoded<T>(record: LogRecord, decode: (value: Uint8Array) => T): Decoded<T> {
  if (record.value === null) return { record, ok: false, problem: 'it has no value' };
  try {
    return { record, ok: true, value: decode(record.value) };
  } catch (error) {
    return { record, ok: false, problem: messageOf(error) };
  }
}

/** How a record is named to people: `preference-batches offset 12`, with the partition where there may be several. */
export function placeOf(topic: string, offset: bigint, partition?: number): string {
  return partition === undefined ? `${topic} offset ${offset}` : `${topic}/${partition} offset ${offset}`;
}
