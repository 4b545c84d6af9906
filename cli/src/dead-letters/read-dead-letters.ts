import { type DeadLetter, deadLetterFromHeaders } from '@alphapo/contracts';
import { recordsToEnd } from '@alphapo/messaging';
import type { RunLedger } from '../lineage/verify.ts';

/** A record that was not trained on: why, where it came from, and its bytes. */
export interface RejectedRecord {
  readonly letter: DeadLetter;
  readonly bytes: Uint8Array;
}

/** The dead letters of a run from the first that is kept to the newest as of now. Errors: those of reading the log. */
export async function* readDeadLetters(
  { log, topics }: Pick<RunLedger, 'log' | 'topics'>,
  signal: AbortSignal,
): AsyncGenerator<RejectedRecord> {
  for await (const { headers, value } of recordsToEnd(log, topics.deadLetters, 0, signal)) {
    yield { letter: deadLetterFromHeaders(headers), bytes: value ?? new Uint8Array() };
  }
}
