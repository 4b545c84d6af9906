import type { ObjectiveOf } from '@alphapo/contracts';
import { mul } from '@alphapo/graph';
import { bradleyTerry } from './bradley-terry.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';

/**
 * SimPO, arXiv:2405.14734, equation 6: reward r(l) = beta l of the mean token log-probability l,
 * loss softplus(gamma - (r_w - r_l)). AlphaPO with alpha = 0. With the NLL term it is CPO-SimPO.
 */
export function simpo(objective: ObjectiveOf<'simpo'>, { chosen, rejected }: PairLogProbs): PairObjective {
  const { beta } = objective;
  return bradleyTerry(mul(chosen.mean, beta), mul(rejected.mean, beta), objective);
}
