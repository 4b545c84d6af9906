export { type BatchTotals, batchTotals } from './batch-totals.ts';
export type * from './engine.ts';
export { type MemoryPlan, planMemory, plannedWeights } from './memory-plan.ts';
export { evaluateObjective } from './objective-session.ts';
export { trainableParameters, type WeightSource } from './program.ts';
export { openReference } from './reference.ts';
export { ENGINE_REVISION } from './revision.ts';
export { ModelFolder } from './weights.ts';
export { DEFAULT_SCORING, type EngineOptions, openEngine } from './worker-engine.ts';
