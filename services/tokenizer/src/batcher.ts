import { setImmediate } from 'node:timers/promises';
import {
  CONTROL_HEADER,
  deadLetterHeaders,
  END_OF_DATA,
  ORIGIN_HEADER,
  PreferenceBatch,
  type TokenizedPair,
} from '@alphapo/contracts';
import { parsePreference } from '@alphapo/data';
import type { LogRecord, OutgoingRecord, PartitionTask } from '@alphapo/messaging';
import { type Tokenizer, tokenizePreference } from '@alphapo/tokenization';

/** What decides the batches that are made of a stream of preferences. */
export interface BatchOptions {
  /** Pairs of a full batch. */
  readonly batchPairs: number;
  readonly maxLength: number;
  readonly maxPromptLength: number;
  /** A partial batch is flushed when no record came for this long; undefined: only at the end of the data. */
  readonly lingerMs: number | undefined;
  readonly runSpecificationDigest: string;
  readonly batchesTopic: string;
  readonly deadLettersTopic: string;
}

/** How long one wait for records takes where partial batches are not flushed. */
const IDLE_WAIT_MS = 1_000;

/** Bytes of dead letters that wait for a pair before they are committed by themselves: a stream may have no pair at all. */
const LETTERS_BYTES = 16 * 2 ** 20;

/** A record that cannot be trained on. */
interface Rejection {
  readonly record: LogRecord;
  readonly reason: string;
  readonly message: string;
}

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
export async function makeBatches(
  task: PartitionTask,
  tokenizer: Tokenizer,
  options: BatchOptions,
  onCommit: (batch: CommittedBatch) => void,
): Promise<void> {
  let open = new OpenBatch(task.startOffset);
  const flush = async (endOfData: boolean) => {
    const { pairs, rejections, nextOffset } = open;
    await task.commit({ outputs: open.outputs(task, tokenizer, options, endOfData), nextOffset });
    onCommit({ pairs: pairs.length, deadLetters: rejections.length, nextOffset, endOfData });
    open = new OpenBatch(nextOffset);
  };
  while (!task.signal.aborted) {
    const records = await task.next(options.lingerMs ?? IDLE_WAIT_MS);
    if (records.length === 0 && options.lingerMs !== undefined && !open.isEmpty) await flush(false);
    for (const record of records) {
      const control = record.headers[CONTROL_HEADER];
      open.nextOffset = record.offset + 1n;
      if (control === END_OF_DATA) {
        await flush(true);
      } else {
        open.take(record, tokenizer, options);
        if (open.pairs.length === options.batchPairs || open.hasEnoughLetters) await flush(false);
        else await setImmediate(); // Calls and heartbeats have their turn, however many records there are.
      }
    }
  }
}

/** The pairs and dead letters since the last commit. */
class OpenBatch {
  readonly #firstOffset: bigint;
  #letterBytes = 0;
  nextOffset: bigint;
  readonly pairs: TokenizedPair[] = [];
  readonly rejections: Rejection[] = [];

  constructor(firstOffset: bigint) {
    this.#firstOffset = firstOffset;
    this.nextOffset = firstOffset;
  }

  get isEmpty(): boolean {
    return this.nextOffset === this.#firstOffset;
  }

  /** Whether there are dead letters only, and so many that they should not be held any longer. */
  get hasEnoughLetters(): boolean {
    return this.pairs.length === 0 && this.#letterBytes >= LETTERS_BYTES;
  }

  take(record: LogRecord, tokenizer: Tokenizer, options: BatchOptions): void {
    const made = pairOf(record, tokenizer, options);
    if ('reason' in made) {
      this.rejections.push({ record, ...made });
      this.#letterBytes += record.value?.length ?? 0;
    } else this.pairs.push(made);
  }

  outputs(
    task: PartitionTask,
    tokenizer: Tokenizer,
    options: BatchOptions,
    endOfData: boolean,
  ): readonly OutgoingRecord[] {
    const batch: PreferenceBatch = {
      source: {
        topic: task.topic,
        partition: task.partition,
        firstOffset: this.#firstOffset,
        nextOffset: this.nextOffset,
        deadLetters: this.rejections.length,
      },
      pairs: this.pairs,
      tokenizerDigest: tokenizer.digest,
      chatTemplateDigest: tokenizer.chatTemplate.digest,
      runSpecificationDigest: options.runSpecificationDigest,
      endOfData,
    };
    const key = `${task.topic}/${task.partition}`;
    // A range of dead letters only needs no batch; the end of the data must be told in any case.
    const batches =
      this.pairs.length === 0 && !endOfData
        ? []
        : [{ topic: options.batchesTopic, partition: 0, key, value: PreferenceBatch.encode(batch).finish() }];
    const letters = this.rejections.map(({ record, reason, message }) => ({
      topic: options.deadLettersTopic,
      partition: 0,
      key,
      value: record.value ?? new Uint8Array(),
      headers: deadLetterHeaders({
        reason,
        message,
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        origin: record.headers[ORIGIN_HEADER],
      }),
    }));
    return [...batches, ...letters];
  }
}

/** A record's pair, or why there is none. */
function pairOf(
  record: LogRecord,
  tokenizer: Tokenizer,
  options: BatchOptions,
): TokenizedPair | { readonly reason: string; readonly message: string } {
  if (record.value === null) return { reason: 'EMPTY_RECORD', message: 'the record has no value' };
  const parsed = parsePreference(record.value);
  if (!parsed.ok) return { reason: parsed.reason, message: parsed.message };
  const { maxLength, maxPromptLength } = options;
  const tokenized = tokenizePreference(tokenizer, parsed.preference, { maxLength, maxPromptLength });
  if (!tokenized.ok) return { reason: tokenized.reason, message: tokenized.message };
  const { pair } = tokenized;
  return {
    id: pair.id ?? `${record.topic}/${record.partition}/${record.offset}`,
    prompt: pair.prompt,
    chosen: pair.chosen,
    rejected: pair.rejected,
    sourceOffset: record.offset,
    truncatedPromptTokens: pair.truncated.prompt,
    truncatedChosenTokens: pair.truncated.chosen,
    truncatedRejectedTokens: pair.truncated.rejected,
  };
}
