import { mul, reshape, rotaryEmbedding, sigmoid, type Value } from '@alphapo/graph';
import { attention } from './attention.ts';
import type { Computation, LinearLayer, Parameter } from './definition.ts';

/** Shapes that the decoder layers of a model share. */
export interface DecoderShape {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
}

/** Rotates the heads of x [T, heads * headDim] by their positions. */
function rotate(x: Value, computation: Computation, heads: number): Value {
  const { rotary } = computation.inputs;
  if (rotary === undefined) return x;
  const [T, width] = x.shape as [string, number];
  return reshape(rotaryEmbedding(reshape(x, [1, T, width]), rotary.cos, rotary.sin, heads), [T, width]);
}

/** Self-attention with projections q_proj, k_proj, v_proj, o_proj below `module`. x and the result: [T, D]. */
export function rotaryAttention(
  computation: Computation,
  module: string,
  x: Value,
  shape: DecoderShape,
  slidingWindow: number | undefined,
): Value {
  const { heads, keyValueHeads, headDim } = shape;
  const q = rotate(computation.linear(`${module}.q_proj`, x), computation, heads);
  const k = rotate(computation.linear(`${module}.k_proj`, x), computation, keyValueHeads);
  const v = computation.linear(`${module}.v_proj`, x);
  const options = { heads, keyValueHeads, headDim, scale: headDim ** -0.5, slidingWindow };
  const mixed = attention({ q, k, v }, options, computation.inputs, computation.attentionBlocks(slidingWindow));
  return computation.linear(`${module}.o_proj`, mixed);
}

/** x * sigmoid(x). arXiv:1702.03118. */
export const silu = (x: Value): Value => mul(x, sigmoid(x));

/** down(act(gate(x)) * up(x)) with projections below `module`. arXiv:2002.05202. */
export function gatedMlp(computation: Computation, module: string, x: Value, activation: (x: Value) => Value): Value {
  const gate = activation(computation.linear(`${module}.gate_proj`, x));
  return computation.linear(`${module}.down_proj`, mul(gate, computation.linear(`${module}.up_proj`, x)));
}

/** A linear layer in torch.nn.Linear's layout. */
function linear(name: string, inputs: number, outputs: number, bias = false): LinearLayer {
  return { name, inputs, outputs, layout: 'out-in', bias };
}

/** The parameters of linear layers. */
export function linearParameters(linears: readonly LinearLayer[]): Parameter[] {
  return linears.flatMap(({ name, inputs, outputs, layout, bias }): Parameter[] => [
    { name: `${name}.weight`, shape: layout === 'out-in' ? [outputs, inputs] : [inputs, outputs], start: 'normal' },
    ...(bias ? [{ name: `${name}.bias`, shape: [outputs], start: 'zeros' } as const] : []),
  ]);
}

/** The linear layers of self-attention and gated MLP below `model.layers.N`. */
export function gatedDecoderLinears(
  layers: number,
  { hiddenSize, heads, keyValueHeads, headDim }: DecoderShape,
  intermediateSize: number,
  bias: { readonly attention: boolean; readonly mlp: boolean },
): LinearLayer[] {
  return Array.from({ length: layers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
    linear(`${layer}.self_attn.q_proj`, hiddenSize, heads * headDim, bias.attention),
    linear(`${layer}.self_attn.k_proj`, hiddenSize, keyValueHeads * headDim, bias.attention),
    linear(`${layer}.self_attn.v_proj`, hiddenSize, keyValueHeads * headDim, bias.attention),
    linear(`${layer}.self_attn.o_proj`, heads * headDim, hiddenSize, bias.attention),
    linear(`${layer}.mlp.gate_proj`, hiddenSize, intermediateSize, bias.mlp),
    linear(`${layer}.mlp.up_proj`, hiddenSize, intermediateSize, bias.mlp),
    linear(`${layer}.mlp.down_proj`, intermediateSize, hiddenSize, bias.mlp),
  ]);
}

/** Norm weights: `names` below each of `model.layers.N`, and the final `model.norm`. */
export function normParameters(layers: number, hiddenSize: number, names: readonly string[]): Parameter[] {
  const inLayers = Array.from({ length: layers }, (_, i) => names.map((name) => `model.layers.${i}.${name}.weight`));
  return [...inLayers.flat(), 'model.norm.weight'].map((name) => ({ name, shape: [hiddenSize], start: 'ones' }));
}

/** The embedding and, unless it is tied to it, the head. */
export function embeddingParameters(vocabularySize: number, hiddenSize: number, tied: boolean): Parameter[] {
  const names = tied ? ['model.embed_tokens.weight'] : ['model.embed_tokens.weight', 'lm_head.weight'];
  return names.map((name) => ({ name, shape: [vocabularySize, hiddenSize], start: 'normal' }));
}
