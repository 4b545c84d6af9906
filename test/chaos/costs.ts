import type { InflictedFault } from './inflict.ts';
import type { ScheduledFault } from './schedule.ts';

/** A fault as it went. Times are milliseconds, since the first step was taken. */
export interface FaultOutcome extends ScheduledFault {
  readonly atMs: number;
  /** The last step that had been taken. */
  readonly atStep: number;
  readonly happened: boolean;
  readonly note: string;
  /** Until the next step was taken; undefined where none came. */
  readonly recoveryMs: number | undefined;
  readonly lostMs: number;
}

export interface Costs {
  /** From the first step to the last. */
  readonly trainingMs: number;
  /** Median time between two steps. */
  readonly typicalStepMs: number;
  readonly faults: readonly FaultOutcome[];
  /** What steps took beyond the typical time while no fault was in effect. */
  readonly otherMs: number;
}

/**
 * What the faults cost. A fault is in effect from when it came to the first step after its cause was over. What a step
 * takes beyond the typical time is lost to the faults that are in effect meanwhile, in equal parts. `stepTimes` are on the
 * clock of `performance`, in milliseconds.
 */
export function costsOf(inflicted: readonly InflictedFault[], stepTimes: readonly number[]): Costs {
  const [first = 0, last = 0] = [stepTimes[0], stepTimes.at(-1)];
  const typicalStepMs = median(stepTimes.slice(1).map((time, i) => time - (stepTimes[i] as number)));
  const effects = inflicted
    .toSorted((a, b) => a.number - b.number)
    .map((fault) => ({ fault, until: stepTimes.find((time) => time > fault.over) ?? last, lostMs: 0 }));
  let otherMs = 0;
  stepTimes.forEach((end, i) => {
    const begin = stepTimes[i - 1] ?? end;
    const excess = Math.max(0, end - begin - typicalStepMs);
    const guilty = effects.filter(({ fault, until }) => fault.happened && fault.at < end && until > begin);
    if (guilty.length === 0) otherMs += excess;
    for (const effect of guilty) effect.lostMs += excess / guilty.length;
  });
  const faults = effects.map(({ fault: { at, over: _over, ...fault }, lostMs }) => {
    const next = stepTimes.find((time) => time > at);
    return { ...fault, atMs: at - first, recoveryMs: next === undefined ? undefined : next - at, lostMs };
  });
  return { trainingMs: last - first, typicalStepMs, faults, otherMs };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
