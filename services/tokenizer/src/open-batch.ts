import { MAX_RECORD_BYTES, printable } from '@alphapo/base';
import {
  type DeadLetter,
  deadLetterHeaders,
  ORIGIN_HEADER,
  PreferenceBatch,
  type TokenizedPair,
} from '@alphapo/contracts';
import type { LogRecord, OutgoingRecord, PartitionTask } from '@alphapo/messaging';
import type { TokenizeResult } from '@alphapo/tokenization';

/** What every batch of a tokenizer says besides its pairs. */
export interface BatchHeader {
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

/** A dead letter's headers must fit beside the largest value; producers may send a header of any length. */
const LONGEST_ORIGIN = 1_000;

/** A dead letter with what it can hold of the record's value. */
interface Rejection {
  readonly letter: DeadLetter;
  readonly value: Uint8Array;
}

export type TokenizedRecord =
  | TokenizeResult
  | { readonly ok: false; readonly reason: string; readonly message: string };

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

  take(record: LogRecord, tokenized: TokenizedRecord): void {
    if (tokenized.ok) {
      this.pairs.push(pairOf(record, tokenized.pair));
      return;
    }
    // A copy: what was fetched with the record need not be kept as long.
    const value = Uint8Array.from(record.value?.subarray(0, MAX_RECORD_BYTES) ?? []);
    this.rejections.push({ letter: letterOf(record, tokenized, value.length), value });
    this.#letterBytes += value.length;
  }

  /** `endOf`: the partitions of the topic, where the data of this one ends with the batch. */
  outputs(task: PartitionTask, header: BatchHeader, endOf?: number): readonly OutgoingRecord[] {
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
      tokenizerDigest: header.tokenizerDigest,
      chatTemplateDigest: header.chatTemplateDigest,
      runSpecificationDigest: header.runSpecificationDigest,
      endOfData: endOf !== undefined,
      sourcePartitions: endOf ?? 0,
    };
    // A range with only dead letters needs no batch, except to mark the end of the data.
    const batches =
      this.pairs.length === 0 && endOf === undefined
        ? []
        : [{ topic: header.batchesTopic, partition: 0, key, value: PreferenceBatch.encode(batch).finish() }];
    const letters = this.rejections.map(({ letter, value }) => ({
      ...{ topic: header.deadLettersTopic, partition: 0, key, value },
      headers: deadLetterHeaders(letter),
    }));
    return [...batches, ...letters];
  }
}

function letterOf(
  record: LogRecord,
  { reason, message }: TokenizedRecord & { readonly ok: false },
  heldBytes: number,
): DeadLetter {
  const { topic, partition, offset, headers } = record;
  const origin = headers[ORIGIN_HEADER];
  const bytes = record.value?.length ?? 0;
  return {
    ...{ reason, message, topic, partition, offset },
    origin: origin === undefined ? undefined : printable(origin, LONGEST_ORIGIN),
    recordBytes: bytes > heldBytes ? bytes : undefined,
  };
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
    weight: pair.weight,
  };
}
