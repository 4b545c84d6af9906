import type { ObjectiveOf } from '@alphapo/contracts';
import { mul, type Value } from '@alphapo/graph';
import { bradleyTerry } from './bradley-terry.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';
import { expm1 } from './scalars.ts';

/**
 * AlphaPO, arXiv:2501.03884, equations 6 and 7. For the mean token log-probability l of a response:
 *
 *     reward  r(l) = beta (1 - exp(-alpha l)) / alpha     alpha != 0
 *             r(l) = beta l                               alpha = 0 (SimPO)
 *     loss    L = softplus(gamma - (r_w - r_l))
 *
 * The reward is formed as -beta expm1(-alpha l) / alpha, so that it joins SimPO smoothly as alpha goes to 0. The exponent
 * is clamped to 600 in magnitude.
 */
export function alphapo(objective: ObjectiveOf<'alphapo'>, { chosen, rejected }: PairLogProbs): PairObjective {
  const { alpha, beta } = objective;
  const reward = (l: Value) => (alpha === 0 ? mul(l, beta) : mul(expm1(mul(l, -alpha)), -beta / alpha));
  return bradleyTerry(reward(chosen.mean), reward(rejected.mean), objective);
}
