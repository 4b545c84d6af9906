export { type RunningScorer, type ScorerConfig, startScorer } from './start.ts';
