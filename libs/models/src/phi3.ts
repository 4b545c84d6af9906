import { add, gather, mul, rmsNorm, slice, type Value } from '@alphapo/graph';
import { z } from 'zod';
import { silu } from './activations.ts';
import { type DecoderShape, rotaryAttention } from './blocks.ts';
import { positive, positiveNumber, requireOption } from './config.ts';
import { decoderFields, decoderModel, decoderShape, EMBEDDING } from './decoder.ts';
import type { LayerContext, LinearLayer, ModelDefinition } from './definition.ts';
import { parseModelConfig } from './honoured-fields.ts';
import { finalNorm, layerNorms, linear } from './parameters.ts';
import { partialRotaryOf } from './rotary.ts';

const configSchema = z.looseObject({
  ...decoderFields,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  max_position_embeddings: positive.default(4096),
  original_max_position_embeddings: positive.default(4096),
  rms_norm_eps: positiveNumber.default(1e-5),
  hidden_act: z.string().default('silu'),
  sliding_window: positive.nullish(),
  /** Fields of Phi-4-mini; at one they do nothing. */
  full_attn_mod: z.literal(1).optional(),
  interpolate_factor: z.literal(1).optional(),
  tie_word_embeddings: z.boolean().default(false),
});

type Config = z.infer<typeof configSchema>;

/** Queries, keys and values from one product. */
function projections(c: LayerContext, module: string, x: Value, { heads, keyValueHeads, headDim }: DecoderShape) {
  const fused = c.linear(`${module}.qkv_proj`, x);
  const [keys, values, end] = [heads, heads + keyValueHeads, heads + 2 * keyValueHeads].map((n) => n * headDim) as [
    number,
    number,
    number,
  ];
  return { q: slice(fused, 1, 0, keys), k: slice(fused, 1, keys, values), v: slice(fused, 1, values, end) };
}

/** down(silu(gate(x)) * up(x)), gate and up from one product. */
function mlp(c: LayerContext, module: string, x: Value, { intermediate_size: F }: Config): Value {
  const fused = c.linear(`${module}.gate_up_proj`, x);
  return c.linear(`${module}.down_proj`, mul(silu(slice(fused, 1, 0, F)), slice(fused, 1, F, 2 * F)));
}

/** One decoder layer on x [T, D]. */
function layer(c: LayerContext, i: number, x: Value, config: Config, shape: DecoderShape): Value {
  const [module, attention] = [`model.layers.${i}`, `model.layers.${i}.self_attn`];
  const norm = (name: string, value: Value) =>
    rmsNorm(value, c.parameter(`${module}.${name}.weight`), config.rms_norm_eps);
  const projected = projections(c, attention, norm('input_layernorm', x), shape);
  const slidingWindow = config.sliding_window ?? undefined;
  const h = add(x, rotaryAttention(c, attention, projected, shape, { slidingWindow }));
  return add(h, mlp(c, `${module}.mlp`, norm('post_attention_layernorm', h), config));
}

function linearsOf(config: Config, { heads, keyValueHeads, headDim }: DecoderShape): LinearLayer[] {
  const { hidden_size: D, intermediate_size: F } = config;
  return Array.from({ length: config.num_hidden_layers }, (_, i) => `model.layers.${i}`).flatMap((module) => [
    linear(`${module}.self_attn.qkv_proj`, D, (heads + 2 * keyValueHeads) * headDim),
    linear(`${module}.self_attn.o_proj`, heads * headDim, D),
    linear(`${module}.mlp.gate_up_proj`, D, 2 * F),
    linear(`${module}.mlp.down_proj`, F, D),
  ]);
}

/** Phi-3 and Phi-4-mini, arXiv:2404.14219: Llama with fused projections, and heads that may be rotated in part. */
export function phi3(raw: unknown): ModelDefinition {
  const config = parseModelConfig(configSchema, raw);
  requireOption('hidden_act', config.hidden_act, ['silu'], 'Use a checkpoint with the usual activation.');
  const shape = decoderShape(config);
  const { hidden_size: D, num_hidden_layers: layers } = config;
  return decoderModel('phi3', config, {
    rotary: partialRotaryOf(config, shape.headDim),
    linears: linearsOf(config, shape),
    norms: [...layerNorms(layers, D, ['input_layernorm', 'post_attention_layernorm']), finalNorm(D)],
    hidden(c) {
      let x = gather(c.parameter(EMBEDDING), c.inputs.tokens);
      for (let i = 0; i < layers; i++) x = c.layer(x, (given) => layer(c, i, given, config, shape));
      return rmsNorm(x, c.parameter('model.norm.weight'), config.rms_norm_eps);
    },
  });
}
