import type { ObjectiveOf } from '@alphapo/contracts';
import { add, mul, neg, sub } from '@alphapo/graph';
import type { PairLogProbs, PairObjective } from './pair.ts';
import { logOdds, softplus } from './scalars.ts';

/**
 * ORPO, arXiv:2403.07691, equations 4 and 7, with the paper's lambda as beta. For the mean token log-probability l of a
 * response, whose exponential is taken as its probability:
 *
 *     odds    o(l) = log(exp(l) / (1 - exp(l)))
 *     loss    L = -l_w + beta softplus(-(o_w - o_l))
 *     reward  beta l
 *
 * Log odds end at l = -2^-50 (a mean probability of 1 to fifteen digits): they are constant beyond, their gradient 0.
 */
export function orpo({ beta }: ObjectiveOf<'orpo'>, { chosen, rejected }: PairLogProbs): PairObjective {
  const logOddsRatio = sub(logOdds(chosen.mean), logOdds(rejected.mean));
  return {
    loss: add(neg(chosen.mean), mul(softplus(neg(logOddsRatio)), beta)),
    rewardChosen: mul(chosen.mean, beta),
    rewardRejected: mul(rejected.mean, beta),
  };
}
