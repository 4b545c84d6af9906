import { AlphapoError } from '@alphapo/base';
import { MAX_RECORD_BYTES } from '@alphapo/contracts';

export function topicNotFound(topic: string): AlphapoError {
  return new AlphapoError('not-found', 'TOPIC_NOT_FOUND', `there is no topic "${topic}"; create it with ensureTopics`, {
    metadata: { topic },
  });
}

export function partitionNotFound(topic: string, partition: number, partitions: number): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'PARTITION_NOT_FOUND',
    `topic "${topic}" has the partitions 0 to ${partitions - 1}, there is no partition ${partition}`,
    { metadata: { topic, partition: String(partition) } },
  );
}

export function partitionsDiffer(topic: string, existing: number, wanted: number): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'TOPIC_PARTITIONS_DIFFER',
    `topic "${topic}" exists with ${existing} partition(s), but the configuration asks for ${wanted}; ` +
      'configure the number it has, or take another topic name',
    { metadata: { topic, existing: String(existing), wanted: String(wanted) } },
  );
}

export function offsetOutOfRange(topic: string, partition: number, offset: bigint, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'out-of-range',
    'OFFSET_OUT_OF_RANGE',
    `offset ${offset} of topic "${topic}", partition ${partition}, is outside of what the log holds: ` +
      'the records there have expired, or the offset belongs to another log',
    { cause, metadata: { topic, partition: String(partition), offset: String(offset) } },
  );
}

export function recordTooLarge(topic: string, bytes: number, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'RECORD_TOO_LARGE',
    `a record of ${bytes} bytes is too large for topic "${topic}"; topics made by this platform accept ` +
      `${MAX_RECORD_BYTES} bytes, others what their max.message.bytes says: raise it, or make batches smaller`,
    { cause, metadata: { topic, bytes: String(bytes) } },
  );
}

export function fenced(id: string, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'FENCED',
    `writer "${id}" has been opened elsewhere, so this holder must stop; nothing of its last write became visible`,
    { cause, metadata: { writer: id } },
  );
}

/** The brokers' answer is the same whether they gave up on a transaction that took too long, or another holder came. */
export function transactionExpired(id: string, timeoutMs: number, cause: unknown): AlphapoError {
  return new AlphapoError(
    'unavailable',
    'TRANSACTION_EXPIRED',
    `a transaction of writer "${id}" was not committed within ${timeoutMs} ms and has been ended, by the brokers or by another ` +
      'holder; nothing of it became visible. Open the writer again unless it is held elsewhere',
    { cause, metadata: { writer: id } },
  );
}

export function writerClosed(id: string): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'WRITER_CLOSED',
    `writer "${id}" is closed, or an earlier write failed; open it again`,
    { metadata: { writer: id } },
  );
}

/** Thrown into a task's handler when its partition is gone; the transform starts the task again where it belongs. */
export function taskEnded(topic: string, partition: number, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'aborted',
    'TASK_ENDED',
    `the task of topic "${topic}", partition ${partition}, has ended; what it did not commit will be done again`,
    { cause, metadata: { topic, partition: String(partition) } },
  );
}

/** Retention removed records that a group had not consumed: going on would break "each record exactly once". */
export function recordsExpired(group: string, topic: string, partition: number, committed: bigint, first: bigint) {
  return new AlphapoError(
    'data-loss',
    'RECORDS_EXPIRED',
    `group "${group}" stands at offset ${committed} of topic "${topic}", partition ${partition}, but the log begins ` +
      `at ${first}: records expired unread. Raise the topic's retention, and set the group's offset to go on without them`,
    { metadata: { group, topic, partition: String(partition) } },
  );
}

/** Whether an error is one of ours that the caller caused and a retry can't cure. */
export function isCallersFault(error: unknown): boolean {
  return error instanceof AlphapoError && (error.code === 'invalid-argument' || error.code === 'not-found');
}
