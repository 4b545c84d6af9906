import type { ObjectiveOf } from '@alphapo/contracts';
import { mul, sub } from '@alphapo/graph';
import { logRatios, type PairLogProbs, type PairObjective } from './pair.ts';

/**
 * IPO, arXiv:2310.12036, equation 17, with the paper's tau as beta:
 *
 *     loss    L = (h_w - h_l - 1 / (2 beta))^2,   h = log(pi / pi_ref) of a response
 *     reward  beta h
 *
 * The paper's h is the sum over a response's tokens (`sum`). TRL's DPOTrainer takes the mean (`mean`), whose target does
 * not depend on lengths. Without a reference h is log pi, as TRL's CPOTrainer has it.
 */
export function ipo({ beta, logProb, reference }: ObjectiveOf<'ipo'>, logProbs: PairLogProbs): PairObjective {
  const ratios = logRatios(reference, logProbs);
  const [chosen, rejected] = [ratios.chosen[logProb], ratios.rejected[logProb]];
  const distance = sub(sub(chosen, rejected), 1 / (2 * beta));
  return { loss: mul(distance, distance), rewardChosen: mul(chosen, beta), rewardRejected: mul(rejected, beta) };
}
