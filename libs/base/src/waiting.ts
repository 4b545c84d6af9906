import { once } from 'node:events';
import { timerMs } from './timers.ts';

/** The work's result. Throws the signal's reason where that comes first; the work itself then goes on unheard. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  work.catch(() => {});
  if (signal === undefined) return work;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Resolves when the signal aborts. Throws the reason of `broken` where that has aborted. */
export async function untilAborted(signal: AbortSignal, broken: AbortSignal): Promise<void> {
  const ended = AbortSignal.any([signal, broken]);
  if (!ended.aborted) await once(ended, 'abort');
  broken.throwIfAborted();
}

/** The work's result, or what `late` returns or throws where it takes longer; the work itself then goes on unheard. */
export async function within<T, Late>(timeMs: number, work: Promise<T>, late: () => Late): Promise<T | Late> {
  const { promise: over, resolve } = Promise.withResolvers<'over'>();
  const timer = setTimeout(resolve, timerMs(timeMs), 'over');
  work.catch(() => {});
  try {
    const first = await Promise.race([work.then((result) => ({ result })), over]);
    return first === 'over' ? late() : first.result;
  } finally {
    clearTimeout(timer);
  }
}
