import type { LogRecord, OutgoingRecord } from '../event-log.ts';

/** What the transform loop asks of a log. The loop is the same for all; memberships and transactions differ. */
export interface TransformBackend {
  /** Joins the group. `assigned` hears of each assignment, `lost` of a membership that can't go on. */
  join(listener: MembershipListener): Promise<AsyncDisposable>;
  /** Takes a partition over: fences its former owner, then finds the committed offset. */
  open(partition: number, signal: AbortSignal): Promise<PartitionSession>;
}

export interface MembershipListener {
  assigned(partitions: readonly number[]): void;
  lost(error: unknown): void;
}

/** A partition in exclusive possession, until another session takes it over. */
export interface PartitionSession extends AsyncDisposable {
  readonly startOffset: bigint;
  fetch(timeoutMs: number, signal: AbortSignal): Promise<readonly LogRecord[]>;
  commit(outputs: readonly OutgoingRecord[], nextOffset: bigint): Promise<void>;
}
