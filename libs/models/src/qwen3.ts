import { add, gather, rmsNorm, type Value } from '@alphapo/graph';
import { z } from 'zod';
import { silu } from './activations.ts';
import { type DecoderShape, gatedMlp, normHeads, projections, rotaryAttention } from './blocks.ts';
import { positive, requireOption } from './config.ts';
import { decoderFields, decoderModel, decoderShape, EMBEDDING } from './decoder.ts';
import type { LayerContext, ModelDefinition } from './definition.ts';
import { parseModelConfig } from './honoured-fields.ts';
import { finalNorm, gatedDecoderLinears, layerNorms } from './parameters.ts';
import { rotaryOf } from './rotary.ts';
import { switchedWindowFields, switchedWindows } from './windows.ts';

const configSchema = z.looseObject({
  ...decoderFields,
  num_key_value_heads: positive.nullable().default(32),
  head_dim: positive.default(128),
  max_position_embeddings: positive.default(32_768),
  hidden_act: z.string().default('silu'),
  attention_bias: z.boolean().default(false),
  ...switchedWindowFields,
  tie_word_embeddings: z.boolean().default(false),
});

type Config = z.infer<typeof configSchema>;

interface Shape extends DecoderShape {
  readonly windows: readonly (number | undefined)[];
}

/** One decoder layer on x [T, D]. */
function layer(c: LayerContext, i: number, x: Value, config: Config, shape: Shape): Value {
  const [module, attention] = [`model.layers.${i}`, `model.layers.${i}.self_attn`];
  const norm = (name: string, value: Value) =>
    rmsNorm(value, c.parameter(`${module}.${name}.weight`), config.rms_norm_eps);
  const { q, k, v } = projections(c, attention, norm('input_layernorm', x));
  const normed = {
    q: normHeads(q, c.parameter(`${attention}.q_norm.weight`), config.rms_norm_eps),
    k: normHeads(k, c.parameter(`${attention}.k_norm.weight`), config.rms_norm_eps),
    v,
  };
  const slidingWindow = shape.windows[i];
  const h = add(x, rotaryAttention(c, attention, normed, shape, { slidingWindow }));
  return add(h, gatedMlp(c, `${module}.mlp`, norm('post_attention_layernorm', h), silu));
}

/** Qwen3, arXiv:2505.09388: Qwen2 without biases, with norms of each head's queries and keys. */
export function qwen3(raw: unknown): ModelDefinition {
  const config = parseModelConfig(configSchema, raw);
  requireOption('hidden_act', config.hidden_act, ['silu'], 'Use a checkpoint with the usual activation.');
  const shape = { ...decoderShape(config), windows: switchedWindows(config) };
  const { hidden_size: D, num_hidden_layers: layers } = config;
  return decoderModel('qwen3', config, {
    rotary: rotaryOf(config, shape.headDim),
    linears: gatedDecoderLinears(layers, shape, config.intermediate_size, {
      qkv: config.attention_bias,
      output: config.attention_bias,
      mlp: false,
    }),
    norms: [
      ...layerNorms(layers, D, ['input_layernorm', 'post_attention_layernorm']),
      ...layerNorms(layers, shape.headDim, ['self_attn.q_norm', 'self_attn.k_norm']),
      finalNorm(D),
    ],
    hidden(c) {
      let x = gather(c.parameter(EMBEDDING), c.inputs.tokens);
      for (let i = 0; i < layers; i++) x = c.layer(x, (given) => layer(c, i, given, config, shape));
      return rmsNorm(x, c.parameter('model.norm.weight'), config.rms_norm_eps);
    },
  });
}
