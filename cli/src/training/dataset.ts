import { type FileRecord, type RecordReason, type Rejection, shuffledOrder } from '@alphapo/data';
import type { TokenizerPool } from '@alphapo/tokenization';

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
  /** Tokens that the limits cut off. */
  readonly truncated: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

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

/**
 * Parses and tokenizes records, as `readPlaces` gives them, by the same functions as the tokenizer service. Records are held in
 * memory: the run's number of steps, the lengths and the held-out part depend on all of them.
 */
export async function readDataset(
  source: AsyncIterable<FileRecord>,
  tokenizer: TokenizerPool,
  lengths: { readonly maxLength: number; readonly maxPromptLength: number },
): Promise<Dataset> {
  const pairs: DataPair[] = [];
  const rejected: RejectedRecord[] = [];
  for await (const records of inGroups(source)) {
    const bytes = records.map((record) => record.bytes);
    for (const [i, made] of (await tokenizer.run('records', bytes, lengths)).entries()) {
      const record = recordOf(records[i] as FileRecord);
      if (made.ok) pairs.push({ ...record, ...made.pair, id: made.pair.id ?? record.origin });
      else if (fitsInLog(made)) rejected.push({ ...record, ...reasonOf(made) });
      else
        rejected.push({
          ...record,
          ...reasonOf(made),
          bytes: Uint8Array.from(record.bytes.subarray(0, BEGINNING_BYTES)),
        });
    }
  }
  return { pairs, rejected };
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

/** Takes a share of the pairs out of training, drawn from the seed. */
export function holdOut(pairs: readonly DataPair[], fraction: number, seed: number): [DataPair[], DataPair[]] {
  const count = Math.round(pairs.length * fraction);
  const drawn = new Set(shuffledOrder(pairs.length, seed, -1).slice(0, count));
  return [pairs.filter((_, i) => !drawn.has(i)), pairs.filter((_, i) => drawn.has(i))];
}

/** The first `count` pairs of epoch after epoch, each in an order of its own unless `shuffle` is false. */
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
