export { type AdamWSettings, type AdamWState, adamW, initialAdamWState } from './adamw.ts';
export { addInto, clipScale, globalNorm } from './gradients.ts';
export { learningRateAt, type Schedule } from './schedule.ts';
