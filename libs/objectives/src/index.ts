export { applyObjective } from './objective.ts';
export type { LogProbs, PairLogProbs, PairObjective } from './pair.ts';
