import { add, gather, rmsNorm, type Value } from '@alphapo/graph';
import { z } from 'zod';
import {
  embeddingParameters,
  gatedDecoderLinears,
  gatedMlp,
  linearParameters,
  normParameters,
  rotaryAttention,
  silu,
} from './blocks.ts';
import { configError, parseConfig, positive, requireOption, ropeFields } from './config.ts';
import type { Computation, ModelDefinition } from './definition.ts';
import { rotaryOf } from './rotary.ts';

const configSchema = z.looseObject({
  vocab_size: positive,
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  max_position_embeddings: positive.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  initializer_range: z.number().positive().default(0.02),
  hidden_act: z.string().default('silu'),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
  ...ropeFields,
});

type Config = z.infer<typeof configSchema>;

interface Variant {
  readonly modelType: string;
  /** A token sees this many positions, itself included; all when undefined. */
  readonly slidingWindow: number | undefined;
}

/** One decoder layer on x [T, D]. */
function layer(c: Computation, i: number, x: Value, config: Config, variant: Variant, shape: DecoderShapes): Value {
  const norm = (name: string, value: Value) =>
    rmsNorm(value, c.parameter(`model.layers.${i}.${name}.weight`), config.rms_norm_eps);
  const attended = rotaryAttention(
    c,
    `model.layers.${i}.self_attn`,
    norm('input_layernorm', x),
    shape,
    variant.slidingWindow,
  );
  const h = add(x, attended);
  return add(h, gatedMlp(c, `model.layers.${i}.mlp`, norm('post_attention_layernorm', h), silu));
}

type DecoderShapes = ReturnType<typeof shapeOf>;

function shapeOf(config: Config) {
  const heads = config.num_attention_heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  const keyValueHeads = config.num_key_value_heads ?? heads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    configError('num_attention_heads', `hidden_size ${config.hidden_size} does not give an even head size`);
  }
  if (heads % keyValueHeads !== 0)
    configError('num_key_value_heads', `${keyValueHeads} does not divide ${heads} heads`);
  return { hiddenSize: config.hidden_size, heads, keyValueHeads, headDim };
}

/** Llama (arXiv:2302.13971) and what differs from it by a few options. */
export function llamaLike(raw: unknown, variantOf: (config: Config) => Variant): ModelDefinition {
  const config = parseConfig(configSchema, raw);
  requireOption('hidden_act', config.hidden_act, ['silu'], 'Use a checkpoint with the usual activation.');
  const variant = variantOf(config);
  const shape = shapeOf(config);
  const { hidden_size: hiddenSize, num_hidden_layers: layers } = config;
  const linears = gatedDecoderLinears(layers, shape, config.intermediate_size, {
    attention: config.attention_bias,
    mlp: config.mlp_bias,
  });
  return {
    modelType: variant.modelType,
    vocabularySize: config.vocab_size,
    hiddenSize,
    layers,
    maxPositions: config.max_position_embeddings,
    initializerRange: config.initializer_range,
    parameters: [
      ...embeddingParameters(config.vocab_size, hiddenSize, config.tie_word_embeddings),
      ...linearParameters(linears),
      ...normParameters(layers, hiddenSize, ['input_layernorm', 'post_attention_layernorm']),
    ],
    linears,
    headWeight: config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight',
    rotary: rotaryOf(config, shape.headDim),
    hidden(c) {
      let x = gather(c.parameter('model.embed_tokens.weight'), c.inputs.tokens);
      for (let i = 0; i < layers; i++) x = layer(c, i, x, config, variant, shape);
      return rmsNorm(x, c.parameter('model.norm.weight'), config.rms_norm_eps);
    },
  };
}

export function llama(config: unknown): ModelDefinition {
  return llamaLike(config, () => ({ modelType: 'llama', slidingWindow: undefined }));
}
