import { concat, mul, reshape, rmsNorm, rotaryEmbedding, slice, type Value } from '@alphapo/graph';
import type { AttentionParts, LayerContext } from './definition.ts';

/** Shapes that the decoder layers of a model share. */
export interface DecoderShape {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
}

/** q_proj, k_proj and v_proj below `module`, of x [T, D], before they are rotated. */
export function projections(context: LayerContext, module: string, x: Value): AttentionParts {
  return {
    q: context.linear(`${module}.q_proj`, x),
    k: context.linear(`${module}.k_proj`, x),
    v: context.linear(`${module}.v_proj`, x),
  };
}

/** Rotates the heads of x [T, heads * headDim] by their positions; what the tables don't reach stays as it is. */
function rotate(x: Value, context: LayerContext, heads: number, headDim: number): Value {
  const { rotary } = context.inputs;
  if (rotary === undefined) return x;
  const T = x.shape[0] as string;
  const rotated = 2 * (rotary.cos.shape[2] as number);
  const turn = (part: Value) => rotaryEmbedding(reshape(part, [1, T, heads * rotated]), rotary.cos, rotary.sin, heads);
  if (rotated === headDim) return reshape(turn(x), x.shape);
  const perHead = reshape(x, [T, heads, headDim]);
  const turned = reshape(turn(slice(perHead, 2, 0, rotated)), [T, heads, rotated]);
  return reshape(concat([turned, slice(perHead, 2, rotated, headDim)], 2), x.shape);
}

/** What differs between the attention of models, and of layers. */
interface AttentionOptions {
  /** A token sees this many positions, itself included; all when undefined. */
  readonly slidingWindow: number | undefined;
  /** Factor of the scores; 1 / sqrt(headDim) unless given. */
  readonly scale?: number;
  /** Scores are bent to stay within this, by cap * tanh(score / cap). */
  readonly softCap?: number | undefined;
}

/** Self-attention of projections, with o_proj below `module`: [T, D]. */
export function rotaryAttention(
  context: LayerContext,
  module: string,
  { q, k, v }: AttentionParts,
  { heads, keyValueHeads, headDim }: DecoderShape,
  { slidingWindow, scale = headDim ** -0.5, softCap }: AttentionOptions,
): Value {
  const rotated = {
    q: rotate(q, context, heads, headDim),
    k: rotate(k, context, keyValueHeads, headDim),
  };
  const options = { heads, keyValueHeads, headDim, scale, softCap };
  const mixed = context.attend({ ...rotated, v }, options, slidingWindow);
  return context.linear(`${module}.o_proj`, mixed);
}

/** RMSNorm of each head of x [T, heads * headDim], with one weight [headDim] for all. */
export function normHeads(x: Value, weight: Value, epsilon: number): Value {
  const [T, width] = x.shape as [string, number];
  const headDim = weight.shape[0] as number;
  return reshape(rmsNorm(reshape(x, [T, width / headDim, headDim]), weight, epsilon), x.shape);
}

/** down(act(gate(x)) * up(x)) with projections below `module`. arXiv:2002.05202. */
export function gatedMlp(context: LayerContext, module: string, x: Value, activation: (x: Value) => Value): Value {
  const gate = activation(context.linear(`${module}.gate_proj`, x));
  return context.linear(`${module}.down_proj`, mul(gate, context.linear(`${module}.up_proj`, x)));
}
