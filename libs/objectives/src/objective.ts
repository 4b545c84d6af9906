import type { Objective, ObjectiveKind, ObjectiveOf } from '@alphapo/contracts';
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

type Formula<K extends ObjectiveKind> = (objective: ObjectiveOf<K>, logProbs: PairLogProbs) => PairObjective;

/** The formula of every objective; the type makes the table exhaustive. */
const FORMULAS: { readonly [K in ObjectiveKind]: Formula<K> } = { alphapo, simpo, dpo, ipo, orpo, cpo, hinge, sft };

/** Adds an objective to the graph of its log-probabilities, with the NLL term where it has one. */
export function applyObjective(objective: Objective, logProbs: PairLogProbs): PairObjective {
  // The table pairs each kind with the formula of its fields; TypeScript only has their union here.
  const own = (FORMULAS[objective.kind] as Formula<never>)(objective as never, logProbs);
  const nll = 'nll' in objective ? objective.nll : undefined;
  if (nll === undefined) return own;
  return { ...own, loss: add(own.loss, mul(negativeLogLikelihood(nll.average, logProbs), nll.weight)) };
}
