export { BEST_EXPORT, type EvaluationConfig } from './evaluations.ts';
export type { OptimizerEvents } from './events.ts';
export type { OutsideFacts, SavedDtype } from './exporter.ts';
export { identifyRun } from './run.ts';
export { runOptimizer } from './run-service.ts';
export { optimizerSettings } from './settings.ts';
export { cutShards } from './shards.ts';
export { type OptimizerConfig, type RunningOptimizer, startOptimizer } from './start.ts';
