import type { ObjectiveOf } from '@alphapo/contracts';
import { mul } from '@alphapo/graph';
import { bradleyTerry } from './bradley-terry.ts';
import { logRatios, type PairLogProbs, type PairObjective } from './pair.ts';

/**
 * DPO, arXiv:2305.18290, equation 7: reward beta (S - R) with the summed log-probability S under the policy and R under
 * the reference, loss softplus(-(r_w - r_l)). With label smoothing it is cDPO; with the NLL term averaged over pairs it is
 * RPO, arXiv:2404.19733.
 */
export function dpo({ beta, labelSmoothing }: ObjectiveOf<'dpo'>, logProbs: PairLogProbs): PairObjective {
  const { chosen, rejected } = logRatios('base', logProbs);
  return bradleyTerry(mul(chosen.sum, beta), mul(rejected.sum, beta), { gamma: 0, labelSmoothing });
}
