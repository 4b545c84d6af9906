import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '@alphapo/messaging';
import type { StepLedger } from './step-ledger.ts';

const LOOK_MS = 2_000;

/**
 * Moves the group of a run that has ended beyond all batches, also beyond those that come later, until the signal. Nothing will ever
 * use them, and whoever scales by lag takes lag for work. Errors: those of `StepLedger.passOver`, and STOPPED.
 */
export async function passOverTheRest(
  log: EventLog,
  batchesTopic: string,
  steps: StepLedger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { next } = await log.bounds(batchesTopic, 0);
    if (next > 0n) await steps.passOver(next - 1n, signal);
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}
