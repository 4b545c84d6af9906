import { unreachable } from '@alphapo/base';
import type { Objective } from '@alphapo/contracts';
import { add, mul } from '@alphapo/graph';
import { alphapo } from './alphapo.ts';
import { cpo } from './cpo.ts';
import { dpo } from './dpo.ts';
import { hinge } from './hinge.ts';
import { ipo } from './ipo.ts';
import { negativeLogLikelihood } from './nll.ts';
import { orpo } from './orpo.ts';
import type { PairLogProbs, PairObjective } from './pair.ts';
import { sft } from './sft.ts';
import { simpo } from './simpo.ts';

/** Adds an objective to the graph of its log-probabilities, with the NLL term where it has one. */
export function applyObjective(objective: Objective, logProbs: PairLogProbs): PairObjective {
  const own = ownLoss(objective, logProbs);
  if (objective.kind === 'sft' || objective.nll === undefined) return own;
  const { weight, average } = objective.nll;
  return { ...own, loss: add(own.loss, mul(negativeLogLikelihood(average, logProbs), weight)) };
}

function ownLoss(objective: Objective, logProbs: PairLogProbs): PairObjective {
  switch (objective.kind) {
    case 'alphapo':
      return alphapo(objective, logProbs);
    case 'simpo':
      return simpo(objective, logProbs);
    case 'dpo':
      return dpo(objective, logProbs);
    case 'ipo':
      return ipo(objective, logProbs);
    case 'orpo':
      return orpo(objective, logProbs);
    case 'cpo':
      return cpo(objective, logProbs);
    case 'hinge':
      return hinge(objective, logProbs);
    case 'sft':
      return sft(objective, logProbs);
    default:
      return unreachable(objective);
  }
}
