import type { ObjectiveOf } from '@alphapo/contracts';
import { negativeLogLikelihood } from './nll.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';

/**
 * Supervised fine-tuning on the chosen responses: their negative log-likelihood, averaged over pairs or tokens; reward l,
 * the mean token log-probability.
 */
export function sft({ average }: ObjectiveOf<'sft'>, logProbs: PairLogProbs): PairObjective {
  return {
    loss: negativeLogLikelihood(average, logProbs),
    rewardChosen: logProbs.chosen.mean,
    rewardRejected: logProbs.rejected.mean,
  };
}
