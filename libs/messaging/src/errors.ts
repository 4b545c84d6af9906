import { AlphapoError, MAX_RECORD_BYTES } from '@alphapo/base';

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
      'configure the existing number, or use another topic name',
    { metadata: { topic, existing: String(existing), wanted: String(wanted) } },
  );
}

export function replicationImpossible(
  topic: string,
  replicationFactor: number | undefined,
  cause: unknown,
): AlphapoError {
  const copies = replicationFactor === undefined ? "the brokers' default number of" : `${replicationFactor}`;
  return new AlphapoError(
    'failed-precondition',
    'REPLICATION_IMPOSSIBLE',
    `topic "${topic}" cannot have ${copies} replicas, because there are fewer brokers; start more, or configure fewer replicas`,
    { cause, metadata: { topic } },
  );
}

export function offsetOutOfRange(topic: string, partition: number, offset: bigint, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'out-of-range',
    'OFFSET_OUT_OF_RANGE',
    `offset ${offset} of topic "${topic}", partition ${partition}, is outside the log: ` +
      'the records there have expired, or the offset belongs to another log',
    { cause, metadata: { topic, partition: String(partition), offset: String(offset) } },
  );
}

export function recordTooLarge(topic: string, bytes: number, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'RECORD_TOO_LARGE',
    `a record of ${bytes} bytes is too large for topic "${topic}"; topics created by AlphaPO accept ` +
      `${MAX_RECORD_BYTES} bytes, others their max.message.bytes; raise it, or make batches smaller`,
    { cause, metadata: { topic, bytes: String(bytes) } },
  );
}

export function fenced(id: string, cause?: unknown): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'FENCED',
    `writer "${id}" was opened elsewhere, so this one must stop; its last write did not become visible`,
    { cause, metadata: { writer: id } },
  );
}

/** The brokers' answer is the same whether they gave up on a transaction that took too long, or another holder came. */
export function transactionExpired(id: string, timeoutMs: number, cause: unknown): AlphapoError {
  return new AlphapoError(
    'unavailable',
    'TRANSACTION_EXPIRED',
    `a transaction of writer "${id}" was not committed within ${timeoutMs} ms and was aborted, by the brokers or by another ` +
      'holder; none of it became visible. Open the writer again, unless it is open elsewhere',
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
    `the task of topic "${topic}", partition ${partition}, has ended; uncommitted work will be repeated`,
    { cause, metadata: { topic, partition: String(partition) } },
  );
}

/** Retention removed records that a group had not consumed: going on would break "each record exactly once". */
export function recordsExpired(group: string, topic: string, partition: number, committed: bigint, first: bigint) {
  return new AlphapoError(
    'data-loss',
    'RECORDS_EXPIRED',
    `group "${group}" stands at offset ${committed} of topic "${topic}", partition ${partition}, but the log begins ` +
      `at ${first}: records expired unread. Raise the topic's retention, and set the group's offset to continue without them`,
    { metadata: { group, topic, partition: String(partition) } },
  );
}

/** Whether an error is one of ours that the caller caused and a retry can't cure. */
export function isCallersFault(error: unknown): boolean {
  return error instanceof AlphapoError && (error.code === 'invalid-argument' || error.code === 'not-found');
}
