import { add, mul, neg, sub, type Value } from '@alphapo/graph';
import type { PairObjective } from './pair.ts';
import { softplus } from './scalars.ts';

/**
 * The Bradley-Terry loss of rewards with a target margin: softplus(-z), z = r_w - r_l - gamma.
 *
 * With label smoothing e it is (1 - e) softplus(-z) + e softplus(z), least where the chosen response is preferred with
 * probability 1 - e: cDPO (E. Mitchell, "A note on DPO with noisy preferences", 2023, equation 3), which TRL's CPOTrainer
 * takes over for CPO, SimPO and AlphaPO with the margin inside z, as here.
 */
export function bradleyTerry(
  rewardChosen: Value,
  rewardRejected: Value,
  { gamma, labelSmoothing }: { readonly gamma: number; readonly labelSmoothing?: number | undefined },
): PairObjective {
  const z = sub(sub(rewardChosen, rewardRejected), gamma);
  const loss =
    labelSmoothing === undefined
      ? softplus(neg(z))
      : add(mul(softplus(neg(z)), 1 - labelSmoothing), mul(softplus(z), labelSmoothing));
  return { loss, rewardChosen, rewardRejected };
}
