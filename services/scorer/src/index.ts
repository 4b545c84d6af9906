export { runScorer } from './run.ts';
export { scorerSettings } from './settings.ts';
export { type RunningScorer, type ScorerConfig, startScorer } from './start.ts';
