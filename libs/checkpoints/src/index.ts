export type { Checkpoint } from './checkpoint.ts';
export { policyDigest } from './policy-digest.ts';
export { type CheckpointName, CheckpointStore, checkpointName } from './store.ts';
