/**
 * The event log that all services share: partitioned topics of records, exclusive writers, and exactly-once
 * transformation of one topic into others. Two implementations: Apache Kafka (`openKafkaEventLog`) and one SQLite file
 * for a single machine (`openEmbeddedEventLog`); a service can't tell them apart.
 *
 * Offsets grow within a partition but are not dense: on Kafka the markers of transactions take offsets too. Never
 * compute an offset from another one, except "after this record": `record.offset + 1n`.
 */
export interface EventLog extends AsyncDisposable {
  /**
   * Creates the topics that are missing. Idempotent, and safe when several services do it at once; topics that are there keep
   * their settings. Fails with TOPIC_PARTITIONS_DIFFER where a topic exists with another number of partitions, and with
   * REPLICATION_IMPOSSIBLE where there are too few brokers.
   */
  ensureTopics(topics: readonly TopicSpecification[]): Promise<void>;

  /** The number of partitions of a topic; TOPIC_NOT_FOUND where there is none. */
  partitions(topic: string): Promise<number>;

  /** How long the records of a topic are kept, as the log is configured now; TOPIC_NOT_FOUND where there is none. */
  retention(topic: string): Promise<TopicRetention>;

  /** How many copies of a topic's records there are; TOPIC_NOT_FOUND where there is no such topic. */
  replication(topic: string): Promise<TopicReplication>;

  /** The readable range of a partition: records of open transactions are not in it. */
  bounds(topic: string, partition: number): Promise<Bounds>;

  /**
   * Appends records durably, in the given order within each partition. Resolves once all are stored and visible.
   * A record is stored once however often the connection is cut; when the log stays away for so long that the call
   * fails (code `unavailable`), some of the records may have been stored.
   */
  append(records: readonly OutgoingRecord[]): Promise<void>;

  /**
   * Reads a partition in order from an offset, without a group and without committing anything. Follows the tail until
   * the signal aborts, which ends the iteration without an error. OFFSET_OUT_OF_RANGE where the offset lies outside of
   * `bounds`.
   */
  read(topic: string, partition: number, fromOffset: bigint, options: ReadOptions): AsyncIterable<readonly LogRecord[]>;

  /**
   * Opens the exclusive writer `id`: whoever held it before is fenced from here on. `places`: all that transactions of this id
   * write to; a transaction that the log itself has lost sight of is ended there, and nothing of it becomes visible.
   */
  writer(id: string, places?: WritePlaces): Promise<FencedWriter>;

  /**
   * Takes part in a consumer group that transforms a topic exactly once. Resolves when the signal aborts and all tasks
   * have ended; rejects with the first error that a task throws by itself. Losing a partition, a broker or a
   * transaction is no such error: the task ends and starts again from the committed offset, here or at another member.
   */
  transform(options: TransformOptions): Promise<void>;

  /** What a group has not yet consumed of a topic, one entry a partition. */
  lag(group: string, topic: string): Promise<readonly PartitionLag[]>;
}

/** A record as read. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970 at which it was appended. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Values as UTF-8 text; of a name that occurs more than once the last value. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A record to append: to a given partition, or to the one that its key hashes to (as Kafka's Java client does). */
export type OutgoingRecord = {
  readonly topic: string;
  readonly value: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
} & ({ readonly partition: number; readonly key?: string } | { readonly key: string; readonly partition?: never });

export interface TopicSpecification {
  readonly name: string;
  readonly partitions: number;
  /** How long records are kept; the log's default where absent (Kafka: a week, embedded: for ever). */
  readonly retentionMs?: number | 'forever';
  /** Brokers that hold a copy of each record; the brokers' default where absent. An embedded log has one copy. */
  readonly replicationFactor?: number | undefined;
  /** Copies that must be written before a record counts as stored; the brokers' default where absent. */
  readonly minInSyncReplicas?: number | undefined;
}

/** What makes a log remove records of a topic. */
export interface TopicRetention {
  /** Milliseconds after which a record may be removed. */
  readonly maxAgeMs: number | 'unlimited';
  /** Bytes of a partition beyond which its oldest records may be removed. */
  readonly maxBytes: number | 'unlimited';
  /** Whether of the records with one key only the last is kept. */
  readonly compacted: boolean;
}

/** Copies of a topic's records. */
export interface TopicReplication {
  /** Brokers that each partition is assigned to; of the partition with the fewest. */
  readonly replicas: number;
  /** Copies that must be written before a record counts as stored. */
  readonly minInSync: number;
}

export interface Bounds {
  /** Offset of the oldest record that is kept; equal to `next` in an empty partition. */
  readonly first: bigint;
  /** The offset after the last readable record; on Kafka after the last marker of a transaction. */
  readonly next: bigint;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** `at-end`: finish at the end that the partition had when the reading began. Default: follow the tail. */
  readonly stop?: 'at-end' | 'on-abort';
}

/** A partition of a topic. */
export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

/** Where a group stands in a partition. */
interface GroupPlace extends PartitionPlace {
  readonly group: string;
}

/** How far a group has come in a partition, to be committed together with records. */
export interface GroupPosition extends GroupPlace {
  readonly nextOffset: bigint;
}

/** What a writer writes to. */
export interface WritePlaces {
  readonly partitions: readonly PartitionPlace[];
  readonly groups: readonly GroupPlace[];
}

export interface FencedWriter extends AsyncDisposable {
  readonly id: string;
  /**
   * Publishes the records and moves the groups' positions in one transaction: all become visible, or none. On Kafka
   * readers see them a moment after this resolves, at the latest when the writer's id is opened again or writes again.
   *
   * FENCED (failed-precondition): another holder opened the same id; nothing became visible and nothing will.
   * WRITE_OUTCOME_UNKNOWN (unavailable): the log was lost while it committed. Open the writer again, which decides it, and
   * then read the topic's end to learn whether the records are there. Other errors with the code `unavailable`: nothing
   * became visible; with TRANSACTION_EXPIRED it may be that another holder opened the id. After an error the writer is of no
   * use: open another one.
   */
  write(records: readonly OutgoingRecord[], positions?: readonly GroupPosition[]): Promise<void>;
}

export interface TransformOptions {
  readonly group: string;
  readonly topic: string;
  /** The partitions that tasks write to: see `EventLog.writer`. */
  readonly outputs?: readonly PartitionPlace[];
  readonly signal: AbortSignal;
  /** Handles one assignment of a partition; called anew at each. It runs until `task.next` or `task.commit` throws. */
  readonly handle: (task: PartitionTask) => Promise<void>;
}

/** One assignment of an input partition to this member. One call at a time. */
export interface PartitionTask {
  readonly topic: string;
  readonly partition: number;
  /** The committed offset, at which the records begin. */
  readonly startOffset: bigint;
  /** Aborts when the partition is taken away, or the transform ends. */
  readonly signal: AbortSignal;
  /** The next records in order; empty when none came within the time, which is the moment to flush a partial batch. */
  next(timeoutMs: number): Promise<readonly LogRecord[]>;
  /**
   * Publishes the outputs and moves the group to `nextOffset` in one transaction. `nextOffset` is the offset after the
   * last record that the outputs account for; records that were read beyond it stay with the task. The outputs become
   * visible as those of a `FencedWriter` do.
   */
  commit(commit: { readonly outputs: readonly OutgoingRecord[]; readonly nextOffset: bigint }): Promise<void>;
}

export interface PartitionLag {
  readonly partition: number;
  /** Undefined where the group has committed nothing yet. */
  readonly committed: bigint | undefined;
  readonly next: bigint;
  /** 0 exactly when there is nothing to read. On Kafka, markers of transactions among unread records count too. */
  readonly lag: bigint;
}
