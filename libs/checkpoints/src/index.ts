export { type Adapter, type LoraMethod, readAdapter, writeAdapter } from './adapter.ts';
export type { WeightLayout } from './adapter-config.ts';
export type { Checkpoint, CheckpointFacts } from './checkpoint.ts';
export { type WrittenModel, writeModel } from './model-folder.ts';
export { policyDigest } from './policy-digest.ts';
export type { CheckpointRetention } from './retention.ts';
export { type CheckpointName, CheckpointStore, checkpointName } from './store.ts';
