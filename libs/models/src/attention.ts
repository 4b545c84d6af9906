import {
  add,
  and,
  div,
  equal,
  less,
  lessOrEqual,
  matmul,
  mul,
  or,
  productOf,
  reshape,
  softmax,
  sub,
  tanh,
  transpose,
  type Value,
  where,
} from '@alphapo/graph';
import type { TokenInputs } from './definition.ts';

/** Added to the scores of tokens that are not seen; exp() of it is 0 in every float type. */
const UNSEEN = -1e9;

/**
 * Additive mask [T, T] of a pack: a token sees the earlier tokens of its own row that belong to the prompt or to its own
 * response. With a sliding window w it sees positions p with 0 <= own - p < w only.
 */
export function attentionMask(inputs: TokenInputs, slidingWindow: number | undefined): Value {
  const { positions, rows, branches } = inputs;
  const T = positions.shape[0] as string;
  const column = (x: Value) => reshape(x, [T, 1]);
  const row = (x: Value) => reshape(x, [1, T]);
  const seesBranch = or(equal(row(branches), 0), equal(column(branches), row(branches)));
  const causal = lessOrEqual(row(positions), column(positions));
  let seen = and(and(equal(column(rows), row(rows)), causal), seesBranch);
  if (slidingWindow !== undefined) {
    seen = and(seen, less(sub(column(positions), row(positions)), slidingWindow));
  }
  return where(seen, seen.graph.scalar('f32', 0), UNSEEN);
}

interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** Factor of the scores. */
  readonly scale: number;
  /** Scores are bent to stay within this. */
  readonly softCap?: number | undefined;
}

/** cap * tanh(x / cap). arXiv:2408.00118. */
const capped = (x: Value, cap: number | undefined): Value => (cap === undefined ? x : mul(tanh(div(x, cap)), cap));

/**
 * Grouped-query attention over the tokens of a pack.
 *
 * @param q queries [T, H * headDim], rotated where the model rotates
 * @param k keys [T, K * headDim]
 * @param v values [T, K * headDim]
 * @returns [T, H * headDim]
 */
export function attention(
  { q, k, v, mask }: { q: Value; k: Value; v: Value; mask: Value },
  { heads, keyValueHeads, headDim, scale, softCap }: AttentionShape,
): Value {
  const T = q.shape[0] as string;
  const groups = heads / keyValueHeads;
  const groupedRows = productOf([groups, T]);
  // Queries that share a key-value head are one matrix: [K, groups * T, headDim].
  const queries = reshape(transpose(reshape(mul(q, scale), [T, keyValueHeads, groups, headDim]), [1, 2, 0, 3]), [
    keyValueHeads,
    groupedRows,
    headDim,
  ]);
  const keys = transpose(reshape(k, [T, keyValueHeads, headDim]), [1, 2, 0]);
  const values = transpose(reshape(v, [T, keyValueHeads, headDim]), [1, 0, 2]);
  const scores = add(reshape(capped(matmul(queries, keys), softCap), [keyValueHeads, groups, T, T]), mask);
  const weights = reshape(softmax(scores), [keyValueHeads, groupedRows, T]);
  const mixed = reshape(matmul(weights, values), [keyValueHeads, groups, T, headDim]);
  return reshape(transpose(mixed, [2, 0, 1, 3]), [T, heads * headDim]);
}
