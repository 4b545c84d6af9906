import {
  add,
  cast,
  concat,
  div,
  matmul,
  mul,
  reshape,
  slice,
  sliceRange,
  softmax,
  tanh,
  transposeMatrix,
  type Value,
  widened,
} from '@alphapo/graph';
import { type AttentionShape, timesScale } from './attending.ts';
import type { AttentionParts } from './definition.ts';

/** Keys and values of earlier positions of B sequences in one layer. C: capacity in positions. */
export interface LayerCache {
  /** [B, K, C, headDim], in float32. Positions beyond a sequence's length are masked, but must be finite. */
  readonly keys: Value;
  readonly values: Value;
  /** Additive [B, 1, 1, C]: 0 at positions that a sequence's next token sees, very negative elsewhere. */
  readonly mask: Value;
}

/** Larger than any axis: slices up to it reach the end. */
const BEHIND_ALL = 2 ** 31;

/**
 * Attention of one new token per sequence over its own key and value and the cached ones. The parts have the shape [B, …], the result
 * [B, H * headDim]. The caller writes the new keys and values into the cache.
 */
export function cachedAttention({ q, k, v }: AttentionParts, shape: AttentionShape, cache: LayerCache): Value {
  const { heads, keyValueHeads: K, headDim, softCap } = shape;
  const [B, , C] = cache.keys.shape as [string, number, string];
  const groups = heads / K;
  const queries = reshape(timesScale(q, shape), [B, K, groups, headDim]);
  const capped = (scores: Value) => (softCap === undefined ? scores : mul(tanh(div(scores, softCap)), softCap));
  const scoresOf = (keys: Value) => capped(widened(matmul(queries, transposeMatrix(keys))));
  const own = scoresOf(reshape(k, [B, K, 1, headDim]));
  const earlier = add(scoresOf(cast(cache.keys, q.type)), cache.mask);
  const weights = cast(softmax(concat([own, earlier], 3)), v.type);
  const [one, end] = [1, BEHIND_ALL].map((place) => q.graph.constant('i64', [1], [place])) as [Value, Value];
  const ofEarlier = matmul(sliceRange(weights, 3, one, end, C), cast(cache.values, v.type));
  const mixed = add(ofEarlier, mul(slice(weights, 3, 0, 1), reshape(v, [B, K, 1, headDim])));
  return reshape(mixed, [B, heads * headDim]);
}
