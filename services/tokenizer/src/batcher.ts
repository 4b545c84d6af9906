import { CONTROL_HEADER, END_OF_DATA } from '@alphapo/contracts';
import type { LogRecord, PartitionTask } from '@alphapo/messaging';
import type { TokenizeOptions, TokenizerPool } from '@alphapo/tokenization';
import type { BackPressure } from './back-pressure.ts';
import { type BatchHeader, OpenBatch, type TokenizedRecord } from './open-batch.ts';

/** What decides which batches a stream of preferences becomes. */
export interface BatchOptions extends BatchHeader {
  /** Pairs of a full batch. */
  readonly batchPairs: number;
  readonly lengths: TokenizeOptions;
  /** Further fields of records that are passed over. */
  readonly ignoreFields: readonly string[];
  /** A partial batch is flushed when no record came for this long; undefined: only at the end of the data. */
  readonly lingerMs: number | undefined;
}

/** What makes a partition's batches. */
export interface BatchTools {
  readonly tokenizer: TokenizerPool;
  readonly pressure: BackPressure;
  /** The partitions that the topic has now. */
  readonly sourcePartitions: () => Promise<number>;
  /** The offset before which no record is taken: batches and dead letters account for them. At least the task's start. */
  readonly accountedTo: (task: PartitionTask) => Promise<bigint>;
  readonly onCommit: (batch: CommittedBatch) => void;
}

/** How long one wait for records takes where partial batches are not flushed. */
const IDLE_WAIT_MS = 1_000;

/** Records that are tokenized at a time. */
const RECORDS_AT_A_TIME = 64;

/** What was committed, for logs and metrics. */
export interface CommittedBatch {
  readonly pairs: number;
  readonly deadLetters: number;
  readonly nextOffset: bigint;
  readonly endOfData: boolean;
}

/**
 * Turns one partition of `preferences` into batches, until the task ends. Each commit publishes a whole batch, the dead
 * letters of its range and the group's new position in one transaction, so a crash loses and repeats nothing: what was
 * not committed is read again.
 */
export async function makeBatches(task: PartitionTask, options: BatchOptions, tools: BatchTools): Promise<void> {
  let open = new OpenBatch(await tools.accountedTo(task));
  const flush = async (endOfData: boolean) => {
    const { pairs, rejections, nextOffset } = open;
    if (pairs.length > 0 || endOfData) await tools.pressure.admit(task.signal);
    const endOf = endOfData ? await tools.sourcePartitions() : undefined;
    await task.commit({ outputs: open.outputs(task, options, endOf), nextOffset });
    tools.onCommit({ pairs: pairs.length, deadLetters: rejections.length, nextOffset, endOfData });
    open = new OpenBatch(nextOffset);
  };
  while (!task.signal.aborted) {
    const records = await unaccounted(task, open.nextOffset, options.lingerMs ?? IDLE_WAIT_MS);
    if (records.length === 0 && options.lingerMs !== undefined && !open.isEmpty) await flush(false);
    for await (const { record, tokenized } of tokenizedRecords(records, options, tools, task.signal)) {
      open.nextOffset = record.offset + 1n;
      if (tokenized === END_OF_DATA) await flush(true);
      else {
        open.take(record, tokenized);
        if (open.pairs.length === options.batchPairs || open.hasEnoughLetters) await flush(false);
      }
    }
  }
}

/** The next records from an offset on. What lies before it is passed over, and the group's position moved, as it should be. */
async function unaccounted(task: PartitionTask, from: bigint, timeoutMs: number): Promise<readonly LogRecord[]> {
  const records = await task.next(timeoutMs);
  const passed = records.filter(({ offset }) => offset < from).at(-1);
  if (passed === undefined) return records;
  await task.commit({ outputs: [], nextOffset: passed.offset + 1n });
  return records.filter(({ offset }) => offset >= from);
}

/** Each record with its pair, or with why there is none, or with the instruction that it is. */
async function* tokenizedRecords(
  records: readonly LogRecord[],
  { lengths, ignoreFields }: BatchOptions,
  { tokenizer }: BatchTools,
  signal: AbortSignal,
): AsyncGenerator<{ record: LogRecord; tokenized: TokenizedRecord | typeof END_OF_DATA }> {
  for (let start = 0; start < records.length && !signal.aborted; start += RECORDS_AT_A_TIME) {
    const group = records.slice(start, start + RECORDS_AT_A_TIME);
    const values = group.flatMap((record) => (isPair(record) ? [record.value] : []));
    const results = (await tokenizer.run('records', values, { ...lengths, ignoreFields })).values();
    for (const record of group) {
      if (record.headers[CONTROL_HEADER] === END_OF_DATA) yield { record, tokenized: END_OF_DATA };
      else yield { record, tokenized: isPair(record) ? (results.next().value as TokenizedRecord) : EMPTY_RECORD };
    }
  }
}

const EMPTY_RECORD = { ok: false, reason: 'EMPTY_RECORD', message: 'the record has no value' } as const;

function isPair(record: LogRecord): record is LogRecord & { readonly value: Uint8Array } {
  return record.value !== null && record.headers[CONTROL_HEADER] !== END_OF_DATA;
}
