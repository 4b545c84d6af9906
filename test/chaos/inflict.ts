import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@alphapo/base';
import { describeFault } from './faults.ts';
import { inject, type Scene } from './injection.ts';
import type { ScheduledFault } from './schedule.ts';

/** A fault that has come: when, on the clock of `performance`, and what became of it. */
export interface InflictedFault extends ScheduledFault {
  readonly at: number;
  /** When its cause was over. */
  readonly over: number;
  readonly atStep: number;
  readonly happened: boolean;
  readonly note: string;
}

/**
 * Brings the faults down one after the other, each when its step has been taken; what lasts may overlap with the next
 * ones. Each is told of when it is over. Resolves after the last one; rejects with the scene's signal.
 */
export async function inflict(
  schedule: readonly ScheduledFault[],
  scene: Scene,
  tell: (line: string) => void,
  onOver: (fault: InflictedFault) => void,
): Promise<void> {
  const { progress, signal } = scene;
  const under: Promise<void>[] = [];
  for (const scheduled of schedule) {
    await progress.reached(scheduled.afterStep, signal);
    await sleep(scheduled.delayMs, undefined, { signal });
    const [at, atStep] = [performance.now(), progress.step];
    tell(`step ${atStep}: fault ${scheduled.number}, ${describeFault(scheduled.fault)}`);
    const injection = inject(scheduled.fault, scene).catch((error: unknown) => {
      return { happened: false, note: `could not be done: ${messageOf(error)}` };
    });
    under.push(injection.then((result) => onOver({ ...scheduled, at, atStep, over: performance.now(), ...result })));
  }
  await Promise.all(under);
}
