/**
 * The right to write a run's state. Whoever takes it has it from then on, and the holder before has lost it. Opening the run's
 * writer in the event log is one; this is for what the log cannot fence.
 */
export interface Lease {
  /** Errors: FENCED with who took it. */
  assertHeld(): Promise<void>;
}
