import type { PreferenceBatch } from '@alphapo/contracts';
import { CONTROL_HEADER } from '@alphapo/contracts';
import type { Bounds, LogRecord } from '@alphapo/messaging';
import { placeOf } from './ledger-records.ts';
import { OffsetSet } from './offset-set.ts';
import type { ProblemList } from './problem.ts';

/** What became of the records of one partition of `preferences`. */
export interface SourceCounts {
  readonly topic: string;
  readonly partition: number;
  /** Records that the partition holds. */
  readonly records: number;
  readonly pairs: number;
  readonly deadLetters: number;
  /** Instructions to the tokenizer. */
  readonly control: number;
  /** Not consumed yet. */
  readonly waiting: number;
  /** In no batch and no dead letter, though later ones are. */
  readonly lost: number;
  /** Accounted for as far as can be known: the record or its dead letter is gone from its topic by retention. */
  readonly expired: number;
}

/** The range of source offsets that a batch accounts for. */
interface BatchRange {
  readonly batchOffset: bigint;
  readonly first: bigint;
  readonly next: bigint;
  readonly deadLetters: number;
  /** Dead letters that were found in it. */
  found: number;
  /** Dead letters that its topic has removed by now. */
  expired: number;
  readonly isRepeated: boolean;
}

/**
 * The account of one partition of `preferences`: each of its records must be in exactly one place. Batches are entered
 * first, in the order of the ledger, then dead letters, then the records themselves. It takes two bits for a record
 * and some hundred bytes for a batch.
 */
export class SourceAccount {
  readonly #topic: string;
  readonly #partition: number;
  readonly #batchesTopic: string;
  readonly #problems: ProblemList;
  readonly #pairs = new OffsetSet();
  readonly #letters = new OffsetSet();
  readonly #ranges: BatchRange[] = [];
  #counts = { records: 0, pairs: 0, deadLetters: 0, control: 0, waiting: 0, lost: 0, expired: 0 };
  #lettersHaveExpired = false;
  /** Records in a row that nothing accounts for. */
  #lost: { readonly first: bigint; last: bigint; count: number } | undefined;

  constructor(place: { topic: string; partition: number; batchesTopic: string }, problems: ProblemList) {
    this.#topic = place.topic;
    this.#partition = place.partition;
    this.#batchesTopic = place.batchesTopic;
    this.#problems = problems;
  }

  get counts(): SourceCounts {
    return { topic: this.#topic, partition: this.#partition, ...this.#counts };
  }

  /** The offset up to which batches account for the records. */
  get batchedTo(): bigint {
    return this.#ranges.at(-1)?.next ?? 0n;
  }

  /** Whether a batch counts dead letters that have not been entered. */
  get lacksDeadLetters(): boolean {
    return this.#ranges.some(({ deadLetters, found, isRepeated }) => found < deadLetters && !isRepeated);
  }

  addBatch(offset: bigint, { source, pairs }: PreferenceBatch): void {
    const place = placeOf(this.#batchesTopic, offset);
    const { firstOffset: first, nextOffset: next, deadLetters } = source ?? EMPTY_RANGE;
    const before = this.#ranges.at(-1);
    const overlaps = before !== undefined && first < before.next;
    if (overlaps) {
      this.#problems.add(
        'BATCH_RANGES_OVERLAP',
        place,
        `covers offsets ${first} to ${next} (exclusive) of ${this.#name}, but the previous batch, at offset ${before.batchOffset}, ends at ${before.next}`,
      );
    }
    this.#addPairs(place, { first, next }, pairs);
    this.#ranges.push({ batchOffset: offset, first, next, deadLetters, found: 0, expired: 0, isRepeated: overlaps });
  }

  /** All batches have been entered. */
  endBatches(): void {
    // Of a doubled batch the first one comes last, and is the one that is found.
    this.#ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : a.isRepeated ? -1 : 1));
  }

  addDeadLetter(letterPlace: string, offset: bigint): void {
    const about = `is about ${placeOf(this.#topic, offset, this.#partition)}`;
    if (!this.#letters.add(offset)) {
      this.#problems.add('DEAD_LETTER_REPEATED', letterPlace, `${about}, and so is a dead letter before it`);
      return;
    }
    this.#counts.deadLetters++;
    const range = this.#rangeOf(offset);
    if (range !== undefined) range.found++;
    if (!this.#pairs.has(offset)) return;
    const batch = range === undefined ? 'a batch' : `the batch at offset ${range.batchOffset}`;
    this.#problems.add('DEAD_LETTER_AND_PAIR', letterPlace, `${about}, which is a pair of ${batch} too`);
  }

  /** All dead letters that their topic still holds have been entered; `haveExpired`: it has removed some. */
  endDeadLetters({ haveExpired }: { readonly haveExpired: boolean }): void {
    this.#lettersHaveExpired = haveExpired;
    for (const range of this.#ranges) {
      const { batchOffset, deadLetters, found, isRepeated } = range;
      if (haveExpired && found < deadLetters) range.expired = deadLetters - found;
      if (deadLetters === found + range.expired || isRepeated) continue;
      this.#problems.add(
        'DEAD_LETTERS_DIFFER',
        placeOf(this.#batchesTopic, batchOffset),
        `counts ${deadLetters} dead letters among its records of ${this.#name}, but there are ${found}`,
      );
    }
  }

  /** One record of the partition. What lies before `consumed` must be accounted for. */
  addRecord({ offset, headers }: LogRecord, consumed: bigint): void {
    this.#counts.records++;
    const isPair = this.#pairs.delete(offset);
    const isLetter = this.#letters.delete(offset);
    if (isPair) this.#counts.pairs++;
    if (isPair || isLetter) this.#endLost();
    else if (offset >= this.#frontier(consumed)) this.#counts.waiting++;
    else if (headers[CONTROL_HEADER] !== undefined && this.#rangeOf(offset) !== undefined) this.#counts.control++;
    else if (this.#letterHasExpired(offset)) this.#counts.expired++;
    else this.#addLost(offset);
  }

  /** All records have been entered; what is left of batches and dead letters has none. */
  endRecords({ first }: Bounds): void {
    this.#endLost();
    this.#findGapsBefore(first);
    for (const [offsets, what] of [
      [this.#pairs, 'a pair'],
      [this.#letters, 'a dead letter'],
    ] as const) {
      for (const offset of offsets) {
        if (offset < first) {
          this.#counts.expired++;
          continue;
        }
        const range = this.#rangeOf(offset);
        const where = range === undefined ? '' : `, in the batch at offset ${range.batchOffset}`;
        this.#problems.add(
          'RECORD_UNKNOWN',
          placeOf(this.#topic, offset, this.#partition),
          `there is ${what} of it${where}, but no such record`,
        );
      }
    }
  }

  get #name(): string {
    return `${this.#topic}/${this.#partition}`;
  }

  #addPairs(place: string, { first, next }: { first: bigint; next: bigint }, pairs: PreferenceBatch['pairs']): void {
    let repeated = 0;
    let last = first - 1n;
    let isOrdered = first <= next;
    for (const { sourceOffset } of pairs) {
      if (sourceOffset <= last || sourceOffset >= next) isOrdered = false;
      last = sourceOffset;
      if (!this.#pairs.add(sourceOffset)) repeated++;
    }
    if (!isOrdered) {
      this.#problems.add(
        'BATCH_RANGE_INVALID',
        place,
        `the source offsets of its pairs do not grow within its range, ${first} to ${next} (exclusive) of ${this.#name}`,
      );
    }
    if (repeated === 0) return;
    this.#problems.add(
      'PAIR_REPEATED',
      place,
      `${repeated} of its ${pairs.length} records of ${this.#name} are in an earlier batch too: they are trained on twice`,
    );
  }

  /** The offset before which every record must be accounted for: as far as batches go, or as the group has committed. */
  #frontier(consumed: bigint): bigint {
    return this.batchedTo > consumed ? this.batchedTo : consumed;
  }

  #addLost(offset: bigint): void {
    this.#counts.lost++;
    if (this.#lost === undefined) this.#lost = { first: offset, last: offset, count: 1 };
    else Object.assign(this.#lost, { last: offset, count: this.#lost.count + 1 });
  }

  #endLost(): void {
    if (this.#lost === undefined) return;
    const { first, last, count } = this.#lost;
    this.#lost = undefined;
    const range = this.#rangeOf(first);
    const they = count === 1 ? 'it' : 'them';
    const where =
      range === undefined
        ? `no batch covers ${they}, though later offsets are accounted for`
        : `the batch at offset ${range.batchOffset} covers ${they}, but lacks ${they}`;
    const records = count === 1 ? '1 record is' : `${count} records are`;
    this.#problems.add(
      'RECORD_LOST',
      count === 1 ? placeOf(this.#topic, first, this.#partition) : `${this.#name} offsets ${first} to ${last}`,
      `${records} in no batch and no dead letter: ${where}`,
    );
  }

  /** Whether the record may have had a dead letter that is gone. */
  #letterHasExpired(offset: bigint): boolean {
    if (!this.#lettersHaveExpired) return false;
    const range = this.#rangeOf(offset);
    return range === undefined || range.expired-- > 0;
  }

  /** Where records have expired, what no batch covers must be dead letters. */
  #findGapsBefore(firstRecord: bigint): void {
    for (const [index, { next }] of this.#ranges.entries()) {
      const end = this.#ranges[index + 1]?.first ?? next;
      if (next >= end || next >= firstRecord || this.#lettersHaveExpired) continue;
      let uncovered = 0;
      for (let offset = next; offset < end && offset < firstRecord; offset++)
        uncovered += this.#letters.has(offset) ? 0 : 1;
      if (uncovered === 0) continue;
      this.#problems.add(
        'RECORD_LOST',
        `${this.#name} offsets ${next} to ${end - 1n}`,
        `${uncovered} offsets are in no batch and no dead letter; the records have expired from the topic`,
      );
    }
  }

  /** The batch whose range has the offset. */
  #rangeOf(offset: bigint): BatchRange | undefined {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle] as BatchRange).first <= offset) low = middle + 1;
      else high = middle;
    }
    const range = this.#ranges[low - 1];
    return range !== undefined && offset < range.next ? range : undefined;
  }
}

const EMPTY_RANGE = { firstOffset: 0n, nextOffset: 0n, deadLetters: 0 };
