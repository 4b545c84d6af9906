import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, messageOf } from '@alphapo/base';

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5_000;
/** How often it is said that something is waited for. */
const SAY_EVERY_MS = 30_000;

/** How long to wait for a log whose brokers are away, and who hears of it. */
export interface Patience {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Hears of it at once, and then every half minute. */
  readonly onWaiting: (waiting: Waiting) => void;
  /** Whether an error passes if one waits; by default that is code `unavailable`. */
  readonly isPassing?: (error: unknown) => boolean;
}

/** What is waited for. */
export interface Waiting {
  /** What cannot be done yet. */
  readonly doing: string;
  /** The whole message of the last failure. */
  readonly error: string;
  readonly waitedMs: number;
}

/**
 * Retries work with backoff while its error is one that passes, by default while brokers are unreachable (code `unavailable`). Started work is awaited even if the
 * signal aborts. Errors: STOPPED (cancelled) if the signal aborted meanwhile, and all others of the work.
 */
export async function patiently<T>(
  doing: string,
  work: () => Promise<T>,
  { signal, onWaiting, isPassing = isUnavailable }: Patience,
): Promise<T> {
  const began = performance.now();
  let said = Number.NEGATIVE_INFINITY;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      const now = performance.now();
      if (now - said >= SAY_EVERY_MS) {
        said = now;
        onWaiting({ doing, error: messageOf(error), waitedMs: Math.round(now - began) });
      }
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new AlphapoError('cancelled', 'STOPPED', `stopped before ${doing} was possible`);
  }
}

const isUnavailable = (error: unknown) => error instanceof AlphapoError && error.code === 'unavailable';
