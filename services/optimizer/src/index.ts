export { type OptimizerConfig, type RunningOptimizer, runIdOf, startOptimizer } from './start.ts';
