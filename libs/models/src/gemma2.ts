import { add, gather, mul, rmsNorm, type Value } from '@alphapo/graph';
import { z } from 'zod';
import { geluTanh } from './activations.ts';
import { type DecoderShape, gatedMlp, projections, rotaryAttention } from './blocks.ts';
import { configError, positive, positiveNumber, requireOption } from './config.ts';
import { decoderFields, decoderModel, decoderShape, EMBEDDING } from './decoder.ts';
import type { LayerContext, ModelDefinition } from './definition.ts';
import { parseModelConfig } from './honoured-fields.ts';
import { finalNorm, gatedDecoderLinears, layerNorms } from './parameters.ts';
import { rotaryOf } from './rotary.ts';
import { layerTypes, layerWindows } from './windows.ts';

const configSchema = z.looseObject({
  ...decoderFields,
  num_key_value_heads: positive.default(4),
  head_dim: positive.default(256),
  max_position_embeddings: positive.default(8192),
  hidden_activation: z.string().nullable().default('gelu_pytorch_tanh'),
  /** An older name of hidden_activation, which stands beside it in published configurations. */
  hidden_act: z.string().optional(),
  attention_bias: z.boolean().default(false),
  query_pre_attn_scalar: positiveNumber.default(256),
  attn_logit_softcapping: positiveNumber.nullable().default(50),
  final_logit_softcapping: positiveNumber.nullable().default(30),
  sliding_window: positive.nullable().default(4096),
  /** Another name of sliding_window in published configurations. */
  sliding_window_size: positive.optional(),
  layer_types: layerTypes,
  tie_word_embeddings: z.boolean().default(true),
});

type Config = z.infer<typeof configSchema>;

interface Shape extends DecoderShape {
  readonly windows: readonly (number | undefined)[];
}

/** RMSNorm whose weight is stored as its difference from one. */
const norm = (c: LayerContext, module: string, x: Value, epsilon: number): Value =>
  rmsNorm(x, add(c.parameter(`${module}.weight`), 1), epsilon);

/** One decoder layer on x [T, D]. */
function layer(c: LayerContext, i: number, x: Value, config: Config, shape: Shape): Value {
  const [module, attention] = [`model.layers.${i}`, `model.layers.${i}.self_attn`];
  const normed = (name: string, value: Value) => norm(c, `${module}.${name}`, value, config.rms_norm_eps);
  const projected = projections(c, attention, normed('input_layernorm', x));
  const attended = rotaryAttention(c, attention, projected, shape, {
    slidingWindow: shape.windows[i],
    scale: config.query_pre_attn_scalar ** -0.5,
    softCap: config.attn_logit_softcapping ?? undefined,
  });
  const h = add(x, normed('post_attention_layernorm', attended));
  const inner = gatedMlp(c, `${module}.mlp`, normed('pre_feedforward_layernorm', h), geluTanh);
  return add(h, normed('post_feedforward_layernorm', inner));
}

const NORMS = [
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
] as const;

/**
 * Gemma 2, arXiv:2408.00118: norms before and after each block, soft caps of scores and logits, a sliding window in
 * every other layer, from the first on. Embeddings are scaled by sqrt(hidden size) in float32, which transformers rounds
 * to the type that the model is loaded in.
 */
export function gemma2(raw: unknown): ModelDefinition {
  const config = parseModelConfig(configSchema, raw);
  for (const field of ['hidden_activation', 'hidden_act'] as const) {
    requireOption(field, config[field], ['gelu_pytorch_tanh'], 'Use a checkpoint with the usual activation.');
  }
  if (config.sliding_window_size !== undefined && config.sliding_window_size !== config.sliding_window) {
    configError('sliding_window_size', `${config.sliding_window_size} is not sliding_window ${config.sliding_window}`);
  }
  const windows = layerWindows(config, config.sliding_window, (i) => i % 2 === 0);
  const shape = { ...decoderShape(config), windows };
  const { hidden_size: D, num_hidden_layers: layers, attention_bias: bias } = config;
  return decoderModel('gemma2', config, {
    rotary: rotaryOf(config, shape.headDim),
    linears: gatedDecoderLinears(layers, shape, config.intermediate_size, { qkv: bias, output: bias, mlp: false }),
    norms: [...layerNorms(layers, D, NORMS, 'zeros'), finalNorm(D, 'zeros')],
    logitSoftCap: config.final_logit_softcapping ?? undefined,
    hidden(c) {
      let x = mul(gather(c.parameter(EMBEDDING), c.inputs.tokens), Math.sqrt(D));
      for (let i = 0; i < layers; i++) x = c.layer(x, (given) => layer(c, i, given, config, shape));
      return norm(c, 'model.norm', x, config.rms_norm_eps);
    },
  });
}
