/** The longest time that Node's timers know, 24.8 days, in milliseconds: they fire at once where it is longer. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A time that a timer may be given: the longest possible one where it is longer. */
export function timerMs(timeMs: number): number {
  return Math.min(timeMs, LONGEST_TIMER_MS);
}
