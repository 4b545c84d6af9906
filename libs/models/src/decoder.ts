import type { Value } from '@alphapo/graph';
import type { z } from 'zod';
import type { DecoderShape } from './blocks.ts';
import { configError, positive, positiveNumber } from './config.ts';
import type { LayerContext, LinearLayer, ModelDefinition, Parameter, Rotary } from './definition.ts';
import { linearParameters } from './parameters.ts';
import { ropeFields } from './rotary.ts';

/** Fields that mean the same in every decoder here; each adds its own, with the defaults of its class in transformers. */
export const decoderFields = {
  vocab_size: positive,
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  rms_norm_eps: positiveNumber.default(1e-6),
  initializer_range: positiveNumber.default(0.02),
  ...ropeFields,
};

interface DecoderConfig extends z.infer<z.ZodObject<typeof decoderFields>> {
  readonly num_key_value_heads?: number | null | undefined;
  readonly head_dim?: number | null | undefined;
  readonly max_position_embeddings: number;
  readonly tie_word_embeddings: boolean;
}

/** Head counts and sizes: as many key-value heads as heads, and hidden_size / heads, by default. */
export function decoderShape(config: DecoderConfig): DecoderShape {
  const { hidden_size: hiddenSize, num_attention_heads: heads } = config;
  const headDim = config.head_dim ?? hiddenSize / heads;
  const keyValueHeads = config.num_key_value_heads ?? heads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    const field = config.head_dim ? 'head_dim' : 'num_attention_heads';
    configError(field, `gives heads of ${headDim} dimensions; it must be even`);
  }
  if (heads % keyValueHeads !== 0)
    configError('num_key_value_heads', `${keyValueHeads} does not divide ${heads} heads`);
  return { hiddenSize, heads, keyValueHeads, headDim };
}

export const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** The definition of a decoder from its configuration and the parts that its architecture is made of. */
export function decoderModel(
  modelType: string,
  config: DecoderConfig,
  parts: {
    readonly rotary: Rotary;
    readonly linears: readonly LinearLayer[];
    readonly norms: readonly Parameter[];
    readonly logitSoftCap?: number | undefined;
    hidden(context: LayerContext): Value;
  },
): ModelDefinition {
  const { vocab_size: vocabularySize, hidden_size: hiddenSize, tie_word_embeddings: tied } = config;
  const matrices = tied ? [EMBEDDING] : [EMBEDDING, HEAD];
  return {
    modelType,
    vocabularySize,
    hiddenSize,
    layers: config.num_hidden_layers,
    maxPositions: config.max_position_embeddings,
    initializerRange: config.initializer_range,
    parameters: [
      ...matrices.map((name) => ({ name, shape: [vocabularySize, hiddenSize], start: 'normal' }) as const),
      ...linearParameters(parts.linears),
      ...parts.norms,
    ],
    linears: parts.linears,
    headWeight: tied ? EMBEDDING : HEAD,
    logitSoftCap: parts.logitSoftCap,
    rotary: parts.rotary,
    hidden: parts.hidden,
  };
}
