export { type AdamWSettings, type AdamWState, adamW, initialAdamWState } from './adamw.ts';
export { piecesDigests } from './digests.ts';
export { addInto, clipScale, globalNorm } from './gradients.ts';
export { learningRateAt, type Schedule } from './schedule.ts';
export { sharedTensors, sharedZeros, type TensorShapes } from './shared-tensors.ts';
export { type Runner, ThreadPool } from './threads.ts';
