import { mul } from '@alphapo/graph';
import { marginLoss } from './alphapo.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';

/**
 * SimPO, arXiv:2405.14734, equation 6: reward r(l) = beta l of the mean token log-probability l,
 * loss softplus(gamma - (r_w - r_l)). AlphaPO with alpha = 0.
 */
export function simpo(
  { beta, gamma }: { beta: number; gamma: number },
  { meanChosen, meanRejected }: PairLogProbs,
): PairObjective {
  return marginLoss(mul(meanChosen, beta), mul(meanRejected, beta), gamma);
}
