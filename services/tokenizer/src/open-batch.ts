import { deadLetterHeaders, ORIGIN_HEADER, PreferenceBatch, type TokenizedPair } from '@alphapo/contracts';
import type { LogRecord, OutgoingRecord, PartitionTask } from '@alphapo/messaging';
import type { TokenizeResult } from '@alphapo/tokenization';

/** What every batch of a tokenizer says besides its pairs. */
export interface BatchFacts {
  readonly batchesTopic: string;
  readonly deadLettersTopic: string;
  readonly tokenizerDigest: string;
  readonly chatTemplateDigest: string;
  readonly runSpecificationDigest: string;
}

/**
 * Dead letters that wait to be committed, at most: they stay in memory until then, and a stream may have nothing else. A
 * batch that has some pairs goes out with them.
 */
const MOST_LETTERS = 4096;
const MOST_LETTER_BYTES = 16 * 2 ** 20;

/** A record that cannot be trained on. */
interface Rejection {
  readonly record: LogRecord;
  readonly reason: string;
  readonly message: string;
}

export type Made = TokenizeResult | { readonly ok: false; readonly reason: string; readonly message: string };

/** The pairs and dead letters since the last commit. */
export class OpenBatch {
  readonly firstOffset: bigint;
  nextOffset: bigint;
  readonly pairs: TokenizedPair[] = [];
  readonly rejections: Rejection[] = [];
  #letterBytes = 0;

  constructor(firstOffset: bigint) {
    this.firstOffset = firstOffset;
    this.nextOffset = firstOffset;
  }

  get isEmpty(): boolean {
    return this.nextOffset === this.firstOffset;
  }

  get hasEnoughLetters(): boolean {
    return this.rejections.length >= MOST_LETTERS || this.#letterBytes >= MOST_LETTER_BYTES;
  }

  take(record: LogRecord, made: Made): void {
    if (made.ok) {
      this.pairs.push(pairOf(record, made.pair));
      return;
    }
    // A copy: what was fetched with the record need not be kept as long.
    const value = record.value === null ? null : Uint8Array.from(record.value);
    this.rejections.push({ record: { ...record, value }, reason: made.reason, message: made.message });
    this.#letterBytes += value?.length ?? 0;
  }

  /** `endOf`: the partitions of the topic, where the data of this one ends with the batch. */
  outputs(task: PartitionTask, facts: BatchFacts, endOf?: number): readonly OutgoingRecord[] {
    const key = `${task.topic}/${task.partition}`;
    const batch: PreferenceBatch = {
      source: {
        topic: task.topic,
        partition: task.partition,
        firstOffset: this.firstOffset,
        nextOffset: this.nextOffset,
        deadLetters: this.rejections.length,
      },
      pairs: this.pairs,
      tokenizerDigest: facts.tokenizerDigest,
      chatTemplateDigest: facts.chatTemplateDigest,
      runSpecificationDigest: facts.runSpecificationDigest,
      endOfData: endOf !== undefined,
      sourcePartitions: endOf ?? 0,
    };
    // A range of dead letters only needs no batch; the end of the data must be told in any case.
    const batches =
      this.pairs.length === 0 && endOf === undefined
        ? []
        : [{ topic: facts.batchesTopic, partition: 0, key, value: PreferenceBatch.encode(batch).finish() }];
    const letters = this.rejections.map(({ record, reason, message }) => ({
      topic: facts.deadLettersTopic,
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

function pairOf(record: LogRecord, pair: (TokenizeResult & { readonly ok: true })['pair']): TokenizedPair {
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
