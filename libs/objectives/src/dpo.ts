import { AlphapoError } from '@alphapo/base';
import { mul, sub } from '@alphapo/graph';
import { marginLoss } from './alphapo.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';

/**
 * DPO, arXiv:2305.18290, equation 7: reward beta (S - R) with the summed log-probability S under the policy and R under
 * the reference, loss softplus(-(r_w - r_l)).
 */
export function dpo({ beta }: { beta: number }, { sumChosen, sumRejected, reference }: PairLogProbs): PairObjective {
  if (reference === undefined) {
    throw new AlphapoError('invalid-argument', 'REFERENCE_MISSING', 'dpo needs log-probabilities under the reference');
  }
  return marginLoss(
    mul(sub(sumChosen, reference.sumChosen), beta),
    mul(sub(sumRejected, reference.sumRejected), beta),
    0,
  );
}
