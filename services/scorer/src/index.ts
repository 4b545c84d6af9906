export { runScorer } from './run.ts';
export { type RunningScorer, type ScorerConfig, startScorer } from './start.ts';
