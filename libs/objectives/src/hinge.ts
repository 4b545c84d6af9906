import type { ObjectiveOf } from '@alphapo/contracts';
import { max, mul, sub } from '@alphapo/graph';
import { logRatios, type PairLogProbs, type PairObjective } from './pair.ts';

/**
 * The hinge loss of summed log-probabilities:
 *
 *     reward  r = beta h
 *     loss    L = max(0, 1 - (r_w - r_l))
 *
 * Without a reference h = log pi: the rank calibration of SLiC-HF, arXiv:2305.10425, divided by its margin delta = 1 / beta.
 * With one h = log(pi / pi_ref): hinge-norm of RSO, arXiv:2309.06657, with its gamma as beta. The gradient of a pair at or
 * beyond the margin is 0.
 */
export function hinge({ beta, reference }: ObjectiveOf<'hinge'>, logProbs: PairLogProbs): PairObjective {
  const ratios = logRatios(reference, logProbs);
  const [rewardChosen, rewardRejected] = [mul(ratios.chosen.sum, beta), mul(ratios.rejected.sum, beta)];
  return { loss: max(sub(1, sub(rewardChosen, rewardRejected)), 0), rewardChosen, rewardRejected };
}
