/** Topics and record headers: what a producer or consumer in another language needs to know besides the schemas. */

/** Names of the topics and of the groups that read them; a deployment may prefix all of them. */
export interface Topics {
  /** Preference pairs as JSON, from applications. Any number of partitions. */
  readonly preferences: string;
  /** Tokenized batches as protobuf `alphapo.v1.PreferenceBatch`. One partition: its order is the order of training. */
  readonly preferenceBatches: string;
  /** One JSON record per optimizer step. One partition. */
  readonly trainingSteps: string;
  /** One JSON record per evaluated step: held-out pairs and answers. One partition; only where the optimizer evaluates. */
  readonly evaluations: string;
  /** Records that cannot be trained on: their bytes as they came, and why, in headers. */
  readonly deadLetters: string;
  /** The consumer group of all tokenizers of a deployment, on `preferences`. */
  readonly tokenizerGroup: string;
  /** The optimizer's group on `preference-batches`. It shows how far training is; the optimizer itself goes by its checkpoint. */
  readonly optimizerGroup: string;
}

export function topicsWithPrefix(prefix = ''): Topics {
  return {
    preferences: `${prefix}preferences`,
    preferenceBatches: `${prefix}preference-batches`,
    trainingSteps: `${prefix}training-steps`,
    evaluations: `${prefix}evaluations`,
    deadLetters: `${prefix}dead-letters`,
    // Two deployments in one group would be given each other's partitions, and read neither's.
    tokenizerGroup: `${prefix}alphapo-tokenizer`,
    optimizerGroup: `${prefix}alphapo-optimizer`,
  };
}

/** Header of a record in `preferences` that is an instruction to the tokenizer, not a pair. */
export const CONTROL_HEADER = 'alphapo-control';
/** The partition has no more pairs: what waits for a full batch is flushed. The run can end once all partitions have. */
export const END_OF_DATA = 'end-of-data';
/** Header that names where a producer found a pair, e.g. `pairs.jsonl:17`. Kept in dead letters. */
export const ORIGIN_HEADER = 'alphapo-origin';
/** Header of a record in `training-steps` and `evaluations`: the run it belongs to. */
export const RUN_HEADER = 'alphapo-run';

/** Why and from where a record became a dead letter; travels as headers beside the record's own bytes. */
export interface DeadLetter {
  /** Stable identifier, e.g. `EMPTY_RESPONSE`. */
  readonly reason: string;
  readonly message: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The producer's `alphapo-origin`, where it gave one. */
  readonly origin: string | undefined;
  /** Bytes of the record, where it was too large for a dead letter, which has its first `MAX_RECORD_BYTES` then. */
  readonly recordBytes?: number | undefined;
}

export function deadLetterHeaders(letter: DeadLetter): Record<string, string> {
  return {
    'alphapo-reason': letter.reason,
    'alphapo-message': letter.message,
    'alphapo-topic': letter.topic,
    'alphapo-partition': `${letter.partition}`,
    'alphapo-offset': `${letter.offset}`,
    ...(letter.origin === undefined ? {} : { [ORIGIN_HEADER]: letter.origin }),
    ...(letter.recordBytes === undefined ? {} : { 'alphapo-record-bytes': `${letter.recordBytes}` }),
  };
}

export function deadLetterFromHeaders(headers: Readonly<Record<string, string>>): DeadLetter {
  const recordBytes = headers['alphapo-record-bytes'];
  return {
    reason: headers['alphapo-reason'] ?? 'UNKNOWN',
    message: headers['alphapo-message'] ?? '',
    topic: headers['alphapo-topic'] ?? '',
    partition: Number(headers['alphapo-partition'] ?? 0),
    offset: BigInt(headers['alphapo-offset'] ?? 0),
    origin: headers[ORIGIN_HEADER],
    recordBytes: recordBytes === undefined ? undefined : Number(recordBytes),
  };
}
