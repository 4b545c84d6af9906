/** Who computes next on the single compute thread. */
export type Turn =
  /** One execution of waiting score calls. */
  | { readonly kind: 'scores' }
  /** The first of the piecewise computations, up to its next checkpoint. */
  | { readonly kind: 'piece' }
  /** Nobody, until work arrives or the time is over. */
  | { readonly kind: 'wait'; readonly forMs: number }
  | { readonly kind: 'nobody' };

/** What waits for a turn. */
export interface Waiting {
  readonly lastTurn: 'scores' | 'piece';
  /** Computations that go on piece by piece: gradients. */
  readonly piecewise: number;
  readonly scoreCalls: number;
  /** Score calls that there were at the last execution of scores: as many are expected again. */
  readonly expectedCalls: number;
  /** Whether an execution of the waiting scores has no room for more. */
  readonly isFull: boolean;
  /** How long score calls have waited while the thread was free. */
  readonly waitedMs: number;
  readonly lingerMs: number;
}

/**
 * Scores and pieces alternate while both wait, so that neither starves. Scores alone wait for further calls: only for as many as
 * the last execution had, only until an execution is full, and no longer than the linger.
 */
export function nextTurn(waiting: Waiting): Turn {
  const { lastTurn, piecewise, scoreCalls, expectedCalls, isFull, waitedMs, lingerMs } = waiting;
  if (scoreCalls === 0) return { kind: piecewise > 0 ? 'piece' : 'nobody' };
  if (piecewise > 0) return { kind: lastTurn === 'piece' ? 'scores' : 'piece' };
  const forMs = lingerMs - waitedMs;
  if (isFull || scoreCalls >= expectedCalls || forMs <= 0) return { kind: 'scores' };
  return { kind: 'wait', forMs };
}
