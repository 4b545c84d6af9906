import { AlphapoError } from '@alphapo/base';
import type { LogRecord } from '../event-log.ts';
import { decompress } from './compression.ts';
import { RecordCursor } from './record-cursor.ts';

/**
 * Kafka's record batches, version 2 (magic byte), the only one since Kafka 0.11.
 *
 *   0 baseOffset i64 · 8 batchLength i32 · 12 leaderEpoch i32 · 16 magic i8 · 17 crc u32 · 21 attributes i16 ·
 *   23 lastOffsetDelta i32 · 27 baseTimestamp i64 · 35 maxTimestamp i64 · 43 producerId i64 · 51 producerEpoch i16 ·
 *   53 baseSequence i32 · 57 recordCount i32 · 61 records
 *
 * https://kafka.apache.org/documentation/#recordbatch
 */
const HEADER_BYTES = 61;
/** baseOffset and batchLength, which batchLength does not count. */
const PREFIX_BYTES = 12;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME_FLAG = 0x08;
const TRANSACTIONAL_FLAG = 0x10;
const CONTROL_FLAG = 0x20;
/** Type of a control record that ends a transaction, in its key after a version of 16 bits. */
const ABORT_MARKER = 0;

/** A transaction that was aborted, and the offset of its first record in the partition. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface DecodedRecords {
  readonly records: readonly LogRecord[];
  /** Where to fetch next: after the last complete batch, though it may hold no record to show; undefined without one. */
  readonly nextOffset: bigint | undefined;
}

/**
 * Decodes fetched batches: the records from `fromOffset` on that are committed. A batch that is cut off at the end is
 * left for the next fetch.
 */
export function decodeBatches(
  place: { readonly topic: string; readonly partition: number; readonly fromOffset: bigint },
  data: Buffer,
  aborted: readonly AbortedTransaction[],
): DecodedRecords {
  const visible = abortedFilter(aborted);
  const records: LogRecord[] = [];
  let nextOffset: bigint | undefined;
  for (let start = 0; start + HEADER_BYTES <= data.length; ) {
    const end = start + PREFIX_BYTES + data.readInt32BE(start + 8);
    if (end > data.length) break;
    const batch = data.subarray(start, end);
    start = end;
    requireVersion2(place, batch);
    const after = batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23)) + 1n;
    if (visible(batch)) {
      for (const record of recordsOf(place, batch)) if (record.offset >= place.fromOffset) records.push(record);
    }
    if (after > place.fromOffset) nextOffset = after;
  }
  return { records, nextOffset };
}

/**
 * Tells batch by batch, in order, whether its records are to be shown. A producer's aborted transaction is open from
 * its first offset to the abort marker that follows; several may be open at once when the fetch begins inside them.
 */
function abortedFilter(aborted: readonly AbortedTransaction[]): (batch: Buffer) => boolean {
  const coming = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  return (batch) => {
    const lastOffset = batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23));
    while (coming[0] !== undefined && coming[0].firstOffset <= lastOffset) {
      open.add((coming.shift() as AbortedTransaction).producerId);
    }
    const attributes = batch.readInt16BE(21);
    const producerId = batch.readBigInt64BE(43);
    if (attributes & CONTROL_FLAG) {
      if (controlType(batch) === ABORT_MARKER) open.delete(producerId);
      return false;
    }
    return !(attributes & TRANSACTIONAL_FLAG && open.has(producerId));
  };
}

/** A control batch holds one record, uncompressed; undefined when the log cleaner has taken it. */
function controlType(batch: Buffer): number | undefined {
  if (batch.readInt32BE(57) === 0) return undefined;
  return new RecordCursor(batch.subarray(HEADER_BYTES)).next().key?.readInt16BE(2);
}

function* recordsOf(
  place: { readonly topic: string; readonly partition: number },
  batch: Buffer,
): Generator<LogRecord> {
  const baseOffset = batch.readBigInt64BE(0);
  const attributes = batch.readInt16BE(21);
  const baseTimestamp = batch.readBigInt64BE(27);
  const appendTime = attributes & LOG_APPEND_TIME_FLAG ? batch.readBigInt64BE(35) : undefined;
  const count = batch.readInt32BE(57);
  if (count === 0) return;
  const cursor = new RecordCursor(decompress(attributes & COMPRESSION_MASK, batch.subarray(HEADER_BYTES)));
  for (let i = 0; i < count; i++) {
    const { offsetDelta, timestampDelta, key, value, headers } = cursor.next();
    yield {
      topic: place.topic,
      partition: place.partition,
      offset: baseOffset + BigInt(offsetDelta),
      timestampMs: Number(appendTime ?? baseTimestamp + timestampDelta),
      key,
      value,
      headers,
    };
  }
}

function requireVersion2(place: { readonly topic: string; readonly partition: number }, batch: Buffer): void {
  const version = batch.readInt8(16);
  if (version === 2) return;
  throw new AlphapoError(
    'unimplemented',
    'RECORD_FORMAT_UNKNOWN',
    `topic "${place.topic}", partition ${place.partition}, holds records in format ${version} at offset ` +
      `${batch.readBigInt64BE(0)}; only format 2 (Kafka 0.11 and later) is read`,
  );
}
