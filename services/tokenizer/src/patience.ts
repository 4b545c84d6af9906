import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';

const PAUSE_MS = 1_000;

/** Asks the log until it answers, however long its brokers are away; undefined once the signal has aborted. */
export async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof AlphapoError) || error.code !== 'unavailable') throw error;
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}
