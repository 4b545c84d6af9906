import { unreachable } from '@alphapo/base';
import type { Objective } from '@alphapo/contracts';
import { alphapo } from './alphapo.ts';
import { dpo } from './dpo.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';
import { sft } from './sft.ts';
import { simpo } from './simpo.ts';

/** Adds an objective to the graph of its log-probabilities. */
export function applyObjective(objective: Objective, logProbs: PairLogProbs): PairObjective {
  switch (objective.kind) {
    case 'alphapo':
      return alphapo(objective, logProbs);
    case 'simpo':
      return simpo(objective, logProbs);
    case 'dpo':
      return dpo(objective, logProbs);
    case 'sft':
      return sft(logProbs);
    default:
      return unreachable(objective);
  }
}
