import {
  type FileRecord,
  type RecordFacts,
  type RecordOptions,
  type RecordReason,
  type Rejection,
  shuffledOrder,
} from '@alphapo/data';
import type { TokenizedRecord, TokenizerPool } from '@alphapo/tokenization';

/** A record as its file has it. */
interface SourceRecord {
  readonly bytes: Uint8Array;
  /** `file:line`. */
  readonly origin: string;
}

/** A pair that can be trained on, with the token ids that training will see. */
export interface DataPair extends SourceRecord {
  readonly id: string;
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** What the pair counts in the loss; undefined: 1. */
  readonly weight: number | undefined;
  /** Tokens that the limits cut off. */
  readonly truncated: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
  /** How the record was read. */
  readonly facts: RecordFacts;
  /** What its tokens were made from. */
  readonly from: AcceptedRecord['from'];
}

type AcceptedRecord = TokenizedRecord & { readonly ok: true };

/** A record that cannot be trained on. Of one that is too long, `bytes` is only the beginning. */
export interface RejectedRecord extends SourceRecord {
  readonly reason: string;
  readonly message: string;
}

/** What is kept of a record that is too long for the log, too. */
const BEGINNING_BYTES = 4096;

/** All records of some files: those that can be trained on, and those that cannot. */
export interface Dataset {
  readonly pairs: readonly DataPair[];
  readonly rejected: readonly RejectedRecord[];
}

/** Limits in tokens, and what is passed over inside of messages too. */
export interface TokenizingOptions extends RecordOptions {
  readonly maxLength: number;
  readonly maxPromptLength: number;
}

/** What was made of each record, in order, by the same functions as in the tokenizer service. */
export async function* tokenizedRecords(
  source: AsyncIterable<FileRecord>,
  tokenizer: TokenizerPool,
  options: TokenizingOptions,
): AsyncGenerator<{ readonly record: FileRecord; readonly made: TokenizedRecord }> {
  for await (const records of inGroups(source)) {
    const bytes = records.map((record) => record.bytes);
    for (const [i, made] of (await tokenizer.run('records', bytes, options)).entries()) {
      yield { record: records[i] as FileRecord, made };
    }
  }
}

/**
 * Parses and tokenizes records, as `readPlaces` gives them. They are held in memory: the run's number of steps, the lengths
 * and the held-out part depend on all of them.
 */
export async function readDataset(
  source: AsyncIterable<FileRecord>,
  tokenizer: TokenizerPool,
  options: TokenizingOptions,
): Promise<Dataset> {
  const pairs: DataPair[] = [];
  const rejected: RejectedRecord[] = [];
  const facts = new SharedFacts();
  for await (const { record: found, made } of tokenizedRecords(source, tokenizer, options)) {
    const record = recordOf(found);
    if (made.ok) pairs.push(pairOf(record, made, facts));
    else if (fitsInLog(made)) rejected.push({ ...record, ...reasonOf(made) });
    else {
      const bytes = Uint8Array.from(record.bytes.subarray(0, BEGINNING_BYTES));
      rejected.push({ ...record, ...reasonOf(made), bytes });
    }
  }
  return { pairs, rejected };
}

function pairOf(record: SourceRecord, { pair, facts, from }: AcceptedRecord, shared: SharedFacts): DataPair {
  return { ...record, ...pair, id: pair.id ?? record.origin, facts: shared.of(facts), from };
}

/** Most records of a file are read alike: one object stands for all with equal facts. */
class SharedFacts {
  readonly #known = new Map<string, RecordFacts>();

  of(facts: RecordFacts): RecordFacts {
    const key = JSON.stringify(facts);
    const known = this.#known.get(key) ?? facts;
    this.#known.set(key, known);
    return known;
  }
}

const recordOf = ({ bytes, file, line }: FileRecord): SourceRecord => ({ bytes, origin: `${file}:${line}` });

/** Records that are tokenized at a time, and bytes of them. */
const GROUP_RECORDS = 128;
const GROUP_BYTES = 4 * 2 ** 20;

async function* inGroups(records: AsyncIterable<FileRecord>): AsyncGenerator<FileRecord[]> {
  let group: FileRecord[] = [];
  let bytes = 0;
  for await (const record of records) {
    group.push(record);
    bytes += record.bytes.length;
    if (group.length < GROUP_RECORDS && bytes < GROUP_BYTES) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  yield group;
}

/** Whether a refused record can become a dead letter. */
export const fitsInLog = ({ reason }: { readonly reason: string }) =>
  reason !== ('LINE_TOO_LONG' satisfies RecordReason);

const reasonOf = ({ reason, message }: Rejection) => ({ reason, message });

/** The first `count` pairs of successive epochs, each shuffled differently unless `shuffle` is false. */
export function* trainingOrder<T>(
  items: readonly T[],
  count: number,
  options: { readonly seed: number; readonly shuffle: boolean },
): Generator<T> {
  for (let made = 0, epoch = 0; made < count; epoch++) {
    const order = options.shuffle ? shuffledOrder(items.length, options.seed, epoch) : items.keys();
    for (const index of order) {
      if (made++ === count) return;
      yield items[index] as T;
    }
  }
}
