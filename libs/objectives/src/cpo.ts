import type { ObjectiveOf } from '@alphapo/contracts';
import { mul } from '@alphapo/graph';
import { bradleyTerry } from './bradley-terry.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';

/**
 * CPO, arXiv:2401.08417, equation 3: reward beta S of the summed log-probability S, loss softplus(-(r_w - r_l)). The
 * paper's objective has the negative log-likelihood of chosen beside it with weight 1, averaged over tokens: the NLL term.
 */
export function cpo({ beta, labelSmoothing }: ObjectiveOf<'cpo'>, { chosen, rejected }: PairLogProbs): PairObjective {
  return bradleyTerry(mul(chosen.sum, beta), mul(rejected.sum, beta), { gamma: 0, labelSmoothing });
}
