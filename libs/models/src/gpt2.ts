import { add, gather, inFloat32, mul, reciprocal, reduceMean, slice, sqrt, sub, type Value } from '@alphapo/graph';
import { z } from 'zod';
import { geluTanh } from './activations.ts';
import { configError, positive, positiveNumber, requireOption } from './config.ts';
import type { LayerContext, LinearLayer, ModelDefinition, Parameter } from './definition.ts';
import { parseModelConfig } from './honoured-fields.ts';
import { linearParameters } from './parameters.ts';

const configSchema = z.looseObject({
  vocab_size: positive,
  n_embd: positive,
  n_head: positive,
  n_layer: positive,
  n_positions: positive,
  n_inner: positive.nullish(),
  /** An older name of n_positions. */
  n_ctx: positive.nullish(),
  layer_norm_epsilon: positiveNumber.default(1e-5),
  initializer_range: positiveNumber.default(0.02),
  activation_function: z.string().default('gelu_new'),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
  /** How HF guards float16: nothing changes in exact arithmetic. */
  reorder_and_upcast_attn: z.boolean().default(false),
});

type Config = z.infer<typeof configSchema>;

/** (x - mean) / sqrt(variance + epsilon) * weight + bias over the last axis. arXiv:1607.06450. */
function layerNorm(c: LayerContext, module: string, x: Value, epsilon: number): Value {
  return inFloat32(x, (wide) => {
    const centred = sub(wide, reduceMean(wide, [1]));
    const scale = reciprocal(sqrt(add(reduceMean(mul(centred, centred), [1]), epsilon)));
    return add(mul(mul(centred, scale), c.parameter(`${module}.weight`)), c.parameter(`${module}.bias`));
  });
}

function block(c: LayerContext, i: number, x: Value, config: Config): Value {
  const module = `transformer.h.${i}`;
  const D = config.n_embd;
  const heads = config.n_head;
  const headDim = D / heads;
  const qkv = c.linear(`${module}.attn.c_attn`, layerNorm(c, `${module}.ln_1`, x, config.layer_norm_epsilon));
  const [q, k, v] = [0, 1, 2].map((part) => slice(qkv, 1, part * D, (part + 1) * D)) as [Value, Value, Value];
  const scale = config.scale_attn_weights ? headDim ** -0.5 : 1;
  const options = { heads, keyValueHeads: heads, headDim, scale };
  const mixed = c.attend({ q, k, v }, options, undefined);
  const h = add(x, c.linear(`${module}.attn.c_proj`, mixed));
  const inner = geluTanh(c.linear(`${module}.mlp.c_fc`, layerNorm(c, `${module}.ln_2`, h, config.layer_norm_epsilon)));
  return add(h, c.linear(`${module}.mlp.c_proj`, inner));
}

function linearsOf({ n_embd: D, n_layer, n_inner }: Config): LinearLayer[] {
  const F = n_inner ?? 4 * D;
  const conv1d = (name: string, inputs: number, outputs: number): LinearLayer => ({
    name,
    inputs,
    outputs,
    layout: 'in-out',
    bias: true,
  });
  return Array.from({ length: n_layer }, (_, i) => `transformer.h.${i}`).flatMap((module) => [
    conv1d(`${module}.attn.c_attn`, D, 3 * D),
    conv1d(`${module}.attn.c_proj`, D, D),
    conv1d(`${module}.mlp.c_fc`, D, F),
    conv1d(`${module}.mlp.c_proj`, F, D),
  ]);
}

function normsOf({ n_embd: D, n_layer }: Config): Parameter[] {
  const inBlocks = Array.from({ length: n_layer }, (_, i) => [`transformer.h.${i}.ln_1`, `transformer.h.${i}.ln_2`]);
  return [...inBlocks.flat(), 'transformer.ln_f'].flatMap((module): Parameter[] => [
    { name: `${module}.weight`, shape: [D], start: 'ones' },
    { name: `${module}.bias`, shape: [D], start: 'zeros' },
  ]);
}

/** GPT-2: learned positions, pre-norm with biases, one matrix for queries, keys and values. */
export function gpt2(raw: unknown): ModelDefinition {
  const config = parseModelConfig(configSchema, raw);
  const { n_embd: D, n_layer: layers, vocab_size: V } = config;
  requireOption('activation_function', config.activation_function, ['gelu_new', 'gelu_pytorch_tanh'], '');
  requireOption('scale_attn_by_inverse_layer_idx', config.scale_attn_by_inverse_layer_idx, [false], '');
  requireOption('add_cross_attention', config.add_cross_attention, [false], 'Only decoder-only models are trained.');
  if (D % config.n_head !== 0) configError('n_head', `${config.n_head} does not divide n_embd ${D}`);
  const linears = linearsOf(config);
  const head: Parameter[] = config.tie_word_embeddings
    ? []
    : [{ name: 'lm_head.weight', shape: [V, D], start: 'normal' }];
  return {
    modelType: 'gpt2',
    vocabularySize: V,
    hiddenSize: D,
    layers,
    maxPositions: config.n_positions,
    initializerRange: config.initializer_range,
    parameters: [
      { name: 'transformer.wte.weight', shape: [V, D], start: 'normal' },
      { name: 'transformer.wpe.weight', shape: [config.n_positions, D], start: 'normal' },
      ...head,
      ...linearParameters(linears),
      ...normsOf(config),
    ],
    linears,
    headWeight: config.tie_word_embeddings ? 'transformer.wte.weight' : 'lm_head.weight',
    logitSoftCap: undefined,
    rotary: undefined,
    hidden(c) {
      const embedded = gather(c.parameter('transformer.wte.weight'), c.inputs.tokens);
      let x = add(embedded, gather(c.parameter('transformer.wpe.weight'), c.inputs.positions));
      for (let i = 0; i < layers; i++) x = c.layer(x, (given) => block(c, i, given, config));
      return layerNorm(c, 'transformer.ln_f', x, config.layer_norm_epsilon);
    },
  };
}
