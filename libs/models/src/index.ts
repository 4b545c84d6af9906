export type { AttentionShape } from './attending.ts';
export { attention } from './attention.ts';
export { attentionMasks, UNSEEN, wholeMask } from './attention-mask.ts';
export { cachedAttention, type LayerCache } from './cached-attention.ts';
export type {
  AttentionBlocks,
  AttentionParts,
  BlockPlaces,
  LayerContext,
  LinearLayer,
  ModelDefinition,
  PackInputs,
  Parameter,
  TokenInputs,
  WholePack,
} from './definition.ts';
export { readEndTokens } from './end-tokens.ts';
export { freshParameters } from './fresh.ts';
export { defaultLoraTargets, freshLora, type LoraFactors, loraFactors } from './lora.ts';
export { readModelDefinition, runFacts } from './model-folder.ts';
export { modelSettings, referenceModelSettings } from './model-settings.ts';
export { modelFromConfig } from './registry.ts';
export { rotaryTables } from './rotary.ts';
