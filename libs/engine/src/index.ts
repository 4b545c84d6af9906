export type * from './engine.ts';
export { evaluateObjective } from './objective-session.ts';
export { trainableParameters } from './program.ts';
export type { ExecutionProvider } from './session.ts';
export { ModelFolder } from './weights.ts';
export { DEFAULT_SCORING, type EngineOptions, openEngine } from './worker-engine.ts';
