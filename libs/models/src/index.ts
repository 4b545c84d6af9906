export { attentionMasks, wholeMask } from './attention-mask.ts';
export type {
  AttentionBlocks,
  BlockPlaces,
  Computation,
  LinearLayer,
  ModelDefinition,
  Parameter,
  TokenInputs,
  WholePack,
} from './definition.ts';
export { freshParameters } from './fresh.ts';
export { defaultLoraTargets, freshLora, type LoraFactors, loraFactors } from './lora.ts';
export { readModelDefinition, runFacts } from './model-folder.ts';
export { modelFromConfig } from './registry.ts';
export { rotaryTables } from './rotary.ts';
