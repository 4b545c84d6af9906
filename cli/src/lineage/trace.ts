import { AlphapoError } from '@alphapo/base';
import { CONTROL_HEADER, ORIGIN_HEADER, type PreferenceBatch, type TrainingStep } from '@alphapo/contracts';
import type { LogRecord } from '@alphapo/messaging';
import { decodeBatch, decodeDeadLetter, decodeStep, recordsOf } from './ledger-records.ts';
import { recordId } from './record-id.ts';
import type { RunLedger } from './verify.ts';

/** A record of `preferences`, by the id that its producer gave or by its place. */
export type TraceTarget =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'offset'; readonly partition: number; readonly offset: bigint };

/** Where one record is, and where it came from. */
export interface SourcePlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The producer's `alphapo-origin`; undefined where it gave none, or the record has expired. */
  readonly origin: string | undefined;
}

/** What became of a record. */
type RecordFate =
  | {
      readonly kind: 'pair';
      readonly id: string;
      readonly batchOffset: bigint;
      /** In the batch, counted from 0. */
      readonly position: number;
      readonly batch: PreferenceBatch;
      /** Undefined while the batch waits for its step. */
      readonly step: TrainingStep | undefined;
    }
  | { readonly kind: 'dead-letter'; readonly letterOffset: bigint; readonly reason: string; readonly message: string }
  | { readonly kind: 'control'; readonly instruction: string }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'lost' };

export interface RecordTrace {
  readonly source: SourcePlace;
  readonly fate: RecordFate;
}

interface Found {
  readonly partition: number;
  readonly offset: bigint;
  fate: RecordFate;
}

/**
 * Follows a record through the ledger; one with an id may be there several times, once an epoch. Errors:
 * RECORD_NOT_FOUND, and those of reading the log.
 */
export async function traceRecord(ledger: RunLedger, target: TraceTarget, signal: AbortSignal): Promise<RecordTrace[]> {
  const { log, topics } = ledger;
  const place = placeIn(topics.preferences, target);
  const partitions = await log.partitions(topics.preferences);
  const lag = place === undefined ? [] : await log.lag(topics.tokenizerGroup, topics.preferences);
  const { found, consumed } = await findInBatches(ledger, target, place, signal);
  for (const { partition, committed } of lag) {
    if ((committed ?? 0n) > (consumed.get(partition) ?? 0n)) consumed.set(partition, committed as bigint);
  }
  await findSteps(ledger, found, signal);
  if (place === undefined || found.length === 0) found.push(...(await findDeadLetters(ledger, target, place, signal)));
  if (place !== undefined) {
    if (found.length === 0) found.push(await unaccounted(ledger, place, consumed.get(place.partition) ?? 0n, signal));
  } else if (target.kind === 'id') {
    for (let partition = 0; partition < partitions; partition++) {
      found.push(...(await findWaiting(ledger, target.id, partition, consumed.get(partition) ?? 0n, signal)));
    }
  }
  if (found.length === 0) throw notFound(target);
  found.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1));
  return Promise.all(
    found.map(async ({ partition, offset, fate }) => {
      const record = await recordAt(ledger, topics.preferences, { partition, offset }, signal);
      const origin = record?.headers[ORIGIN_HEADER];
      return { source: { topic: topics.preferences, partition, offset, origin }, fate };
    }),
  );
}

/** The place that a target names: itself, or as the id of a record that has none of its own. */
function placeIn(topic: string, target: TraceTarget): { partition: number; offset: bigint } | undefined {
  if (target.kind === 'offset') return target;
  if (!target.id.startsWith(`${topic}/`)) return undefined;
  const match = /^(\d{1,9})\/(\d{1,18})$/.exec(target.id.slice(topic.length + 1));
  return match === null ? undefined : { partition: Number(match[1]), offset: BigInt(match[2] as string) };
}

/** The pairs that are meant, and how far batches go in each partition. */
async function findInBatches(
  { log, topics }: RunLedger,
  target: TraceTarget,
  place: { readonly partition: number; readonly offset: bigint } | undefined,
  signal: AbortSignal,
): Promise<{ found: Found[]; consumed: Map<number, bigint> }> {
  const found: Found[] = [];
  const consumed = new Map<number, bigint>();
  for await (const record of recordsOf(log, topics.preferenceBatches, 0, signal)) {
    const decoded = decodeBatch(record);
    if (!decoded.ok || decoded.value.source === undefined) continue;
    const { value: batch } = decoded;
    const { partition, nextOffset } = decoded.value.source;
    consumed.set(partition, nextOffset);
    for (const [position, { id, sourceOffset }] of batch.pairs.entries()) {
      const isMeant =
        place === undefined
          ? target.kind === 'id' && id === target.id
          : partition === place.partition && sourceOffset === place.offset;
      if (!isMeant) continue;
      const fate: RecordFate = { kind: 'pair', id, batchOffset: record.offset, position, batch, step: undefined };
      found.push({ partition, offset: sourceOffset, fate });
    }
  }
  return { found, consumed };
}

async function findSteps({ log, topics }: RunLedger, found: Found[], signal: AbortSignal): Promise<void> {
  const byBatch = Map.groupBy(found, ({ fate }) => (fate.kind === 'pair' ? fate.batchOffset : undefined));
  if (byBatch.size === 0) return;
  for await (const record of recordsOf(log, topics.trainingSteps, 0, signal)) {
    const decoded = decodeStep(record);
    if (!decoded.ok) continue;
    for (const entry of byBatch.get(BigInt(decoded.value.batchOffset)) ?? []) {
      if (entry.fate.kind === 'pair') entry.fate = { ...entry.fate, step: decoded.value };
    }
  }
}

async function findDeadLetters(
  { log, topics }: RunLedger,
  target: TraceTarget,
  place: { readonly partition: number; readonly offset: bigint } | undefined,
  signal: AbortSignal,
): Promise<Found[]> {
  const found: Found[] = [];
  for await (const record of recordsOf(log, topics.deadLetters, 0, signal)) {
    const decoded = decodeDeadLetter(record);
    if (!decoded.ok || decoded.value.topic !== topics.preferences) continue;
    const { partition, offset, reason, message } = decoded.value;
    const isMeant =
      place === undefined
        ? target.kind === 'id' && recordId(record.value) === target.id
        : partition === place.partition && offset === place.offset;
    if (!isMeant) continue;
    found.push({ partition, offset, fate: { kind: 'dead-letter', letterOffset: record.offset, reason, message } });
  }
  return found;
}

/** A record that is in no batch and no dead letter. */
async function unaccounted(
  ledger: RunLedger,
  { partition, offset }: { readonly partition: number; readonly offset: bigint },
  consumed: bigint,
  signal: AbortSignal,
): Promise<Found> {
  const record = await recordAt(ledger, ledger.topics.preferences, { partition, offset }, signal);
  if (record === undefined) throw notFound({ kind: 'offset', partition, offset });
  const instruction = record.headers[CONTROL_HEADER];
  if (offset >= consumed) return { partition, offset, fate: { kind: 'waiting' } };
  return {
    partition,
    offset,
    fate: instruction === undefined ? { kind: 'lost' } : { kind: 'control', instruction },
  };
}

/** Records with an id that no batch has come to yet. */
async function findWaiting(
  { log, topics }: RunLedger,
  id: string,
  partition: number,
  from: bigint,
  signal: AbortSignal,
): Promise<Found[]> {
  const found: Found[] = [];
  for await (const { offset, value } of recordsOf(log, topics.preferences, partition, signal, from)) {
    if (recordId(value) === id) found.push({ partition, offset, fate: { kind: 'waiting' } });
  }
  return found;
}

/** The record at just this offset; undefined where it has expired, or none was ever there. */
export async function recordAt(
  { log }: RunLedger,
  topic: string,
  { partition, offset }: { readonly partition: number; readonly offset: bigint },
  signal: AbortSignal,
): Promise<LogRecord | undefined> {
  for await (const record of recordsOf(log, topic, partition, signal, offset)) {
    return record.offset === offset ? record : undefined;
  }
  return undefined;
}

function notFound(target: TraceTarget): AlphapoError {
  const what =
    target.kind === 'id' ? `with id ${JSON.stringify(target.id)}` : `at ${target.partition}:${target.offset}`;
  return new AlphapoError(
    'not-found',
    'RECORD_NOT_FOUND',
    `record ${what} is not in batches, dead letters or unread records; check the id (case and spaces matter), or use --offset PARTITION:OFFSET`,
  );
}
