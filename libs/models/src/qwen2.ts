import { add, gather, rmsNorm, type Value } from '@alphapo/graph';
import { z } from 'zod';
import { silu } from './activations.ts';
import { type DecoderShape, gatedMlp, projections, rotaryAttention } from './blocks.ts';
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
  head_dim: positive.nullish(),
  max_position_embeddings: positive.default(32_768),
  hidden_act: z.string().default('silu'),
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
  const projected = projections(c, attention, norm('input_layernorm', x));
  const slidingWindow = shape.windows[i];
  const h = add(x, rotaryAttention(c, attention, projected, shape, { slidingWindow }));
  return add(h, gatedMlp(c, `${module}.mlp`, norm('post_attention_layernorm', h), silu));
}

/** Qwen2 and Qwen2.5, arXiv:2407.10671: Llama with biases of queries, keys and values, and windows in some layers. */
export function qwen2(raw: unknown): ModelDefinition {
  const config = parseModelConfig(configSchema, raw);
  requireOption('hidden_act', config.hidden_act, ['silu'], 'Use a checkpoint with the usual activation.');
  const shape = { ...decoderShape(config), windows: switchedWindows(config) };
  const { hidden_size: D, num_hidden_layers: layers } = config;
  return decoderModel('qwen2', config, {
    rotary: rotaryOf(config, shape.headDim),
    linears: gatedDecoderLinears(layers, shape, config.intermediate_size, { qkv: true, output: false, mlp: false }),
    norms: [...layerNorms(layers, D, ['input_layernorm', 'post_attention_layernorm']), finalNorm(D)],
    hidden(c) {
      let x = gather(c.parameter(EMBEDDING), c.inputs.tokens);
      for (let i = 0; i < layers; i++) x = c.layer(x, (given) => layer(c, i, given, config, shape));
      return rmsNorm(x, c.parameter('model.norm.weight'), config.rms_norm_eps);
    },
  });
}
