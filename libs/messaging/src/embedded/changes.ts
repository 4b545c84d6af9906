import { EventEmitter } from 'node:events';

/** Tells all instances in this process that a log's file has changed; other processes find out by polling. */
const files = new Map<string, EventEmitter>();

/** How often a waiting reader looks for what other processes wrote. */
export const POLL_INTERVAL_MS = 200;

function emitterOf(identity: string): EventEmitter {
  const known = files.get(identity);
  if (known !== undefined) return known;
  const emitter = new EventEmitter().setMaxListeners(0);
  files.set(identity, emitter);
  return emitter;
}

export function announceChange(identity: string): void {
  files.get(identity)?.emit('change');
}

/**
 * Resolves at the next change of the file, after `timeoutMs`, or when the signal aborts. It listens from the moment of
 * the call, so a change between a synchronous query and this call can't be missed.
 */
export function nextChange(identity: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const emitter = emitterOf(identity);
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => {
    clearTimeout(timer);
    emitter.off('change', settle);
    signal.removeEventListener('abort', settle);
    if (emitter.listenerCount('change') === 0) files.delete(identity);
    resolve();
  };
  const timer = setTimeout(settle, timeoutMs);
  emitter.on('change', settle);
  signal.addEventListener('abort', settle, { once: true });
  return promise;
}
