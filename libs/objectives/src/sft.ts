import { neg } from '@alphapo/graph';
import type { PairLogProbs, PairObjective } from './pair.ts';

/** Supervised fine-tuning on the chosen responses: loss -l_w, the negative mean token log-probability; reward l. */
export function sft({ meanChosen, meanRejected }: PairLogProbs): PairObjective {
  return { loss: neg(meanChosen), rewardChosen: meanChosen, rewardRejected: meanRejected };
}
