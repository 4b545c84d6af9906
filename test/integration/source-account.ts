import { CONTROL_HEADER, deadLetterFromHeaders, END_OF_DATA, PreferenceBatch, type Topics } from '@alphapo/contracts';
import { type EventLog, recordsToEnd } from '@alphapo/messaging';

/** Where the records of `preferences` went. */
export interface SourceAccount {
  readonly records: number;
  readonly pairs: number;
  readonly deadLetters: number;
  readonly batches: number;
  /** Records behind the last batch or dead letter of their partition: nobody has come to them yet. */
  readonly waiting: number;
  /** Partitions whose data has ended. */
  readonly ended: number;
  /** Records that are not in exactly one pair or dead letter, ranges that overlap: nothing where all is well. */
  readonly problems: readonly string[];
}

/** Reads the topics from their beginning to their end, and counts for each record in how many pairs and dead letters it is. */
export async function accountForSources(log: EventLog, topics: Topics): Promise<SourceAccount> {
  const partitions = await log.partitions(topics.preferences);
  const places: Map<bigint, number>[] = Array.from({ length: partitions }, () => new Map());
  for (const [partition, offsets] of places.entries()) {
    for await (const { offset, headers } of recordsToEnd(log, topics.preferences, partition)) {
      if (headers[CONTROL_HEADER] !== END_OF_DATA) offsets.set(offset, 0);
    }
  }
  const problems: string[] = [];
  const count = (partition: number, offset: bigint, what: string) => {
    const times = places[partition]?.get(offset);
    if (times === undefined) problems.push(`${what} is of ${partition}:${offset}, where there is no record`);
    else places[partition]?.set(offset, times + 1);
  };
  const next = new Map<number, bigint>();
  const reached = new Map<number, bigint>();
  const ended = new Set<number>();
  let [pairs, deadLetters, batches, waiting] = [0, 0, 0, 0];
  for await (const { offset, value } of recordsToEnd(log, topics.preferenceBatches, 0)) {
    const batch = PreferenceBatch.decode(value as Uint8Array);
    const { partition = -1, firstOffset = -1n, nextOffset = -1n } = batch.source ?? {};
    if (firstOffset < (next.get(partition) ?? 0n)) problems.push(`the batch at ${offset} overlaps the one before it`);
    next.set(partition, nextOffset);
    reached.set(partition, nextOffset);
    for (const { sourceOffset } of batch.pairs) count(partition, sourceOffset, `a pair of the batch at ${offset}`);
    pairs += batch.pairs.length;
    batches++;
    if (batch.endOfData) ended.add(partition);
  }
  for await (const { offset, headers } of recordsToEnd(log, topics.deadLetters, 0)) {
    const letter = deadLetterFromHeaders(headers);
    count(letter.partition, letter.offset, `the dead letter at ${offset}`);
    if (letter.offset >= (reached.get(letter.partition) ?? 0n)) reached.set(letter.partition, letter.offset + 1n);
    deadLetters++;
  }
  for (const [partition, offsets] of places.entries()) {
    for (const [offset, times] of offsets) {
      if (times === 0 && offset >= (reached.get(partition) ?? 0n)) waiting++;
      else if (times !== 1) problems.push(`the record at ${partition}:${offset} is in ${times} places`);
    }
  }
  const records = places.reduce((sum, offsets) => sum + offsets.size, 0);
  return { records, pairs, deadLetters, batches, waiting, ended: ended.size, problems };
}
