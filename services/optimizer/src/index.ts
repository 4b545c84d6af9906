export { runOptimizer } from './run-service.ts';
export { type OptimizerConfig, type RunningOptimizer, runIdOf, startOptimizer } from './start.ts';
