import { AlphapoError, unreachable } from '@alphapo/base';
import type { RunSpecification } from '@alphapo/contracts';

export type Schedule = RunSpecification['schedule'];

/**
 * The learning rate of a step, counted from 1, as the schedulers of transformers give it: with i = step − 1, W warm-up
 * and N total steps, i / W of the peak while i < W (so the first step has rate 0, and only moves the moments), then
 *
 *     cosine     ½ (1 + cos(π (i − W) / (N − W)))
 *     linear     (N − i) / (N − W)
 *     constant   1
 *
 * of the peak. After step N + 1 cosine and linear stay at 0 (transformers' cosine would rise again). Throws
 * STEP_OUT_OF_RANGE for a step that is no positive integer.
 */
export function learningRateAt(schedule: Schedule, peak: number, step: number): number {
  if (!Number.isSafeInteger(step) || step < 1) {
    throw new AlphapoError('out-of-range', 'STEP_OUT_OF_RANGE', `steps are counted from 1, there is no step ${step}`);
  }
  return peak * shareOfPeak(schedule, step - 1);
}

function shareOfPeak({ kind, warmupSteps, totalSteps }: Schedule, stepsTaken: number): number {
  if (stepsTaken < warmupSteps) return stepsTaken / warmupSteps;
  const decaySteps = Math.max(1, totalSteps - warmupSteps);
  const progress = Math.min(1, (stepsTaken - warmupSteps) / decaySteps);
  switch (kind) {
    case 'cosine':
      return 0.5 * (1 + Math.cos(Math.PI * progress));
    case 'linear':
      return Math.max(0, totalSteps - stepsTaken) / decaySteps;
    case 'constant':
      return 1;
    default:
      return unreachable(kind);
  }
}
