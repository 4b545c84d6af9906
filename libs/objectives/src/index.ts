export { applyObjective } from './objective.ts';
export type { PairLogProbs, PairObjective } from './pair.ts';
