import {
  add,
  and,
  concat,
  customDerivative,
  differentiate,
  div,
  equal,
  gather,
  gatherSum,
  less,
  lessOrEqual,
  matmul,
  mul,
  or,
  productOf,
  reshape,
  rowPad,
  rowSlice,
  scan,
  softmax,
  sub,
  tanh,
  transpose,
  transposeMatrix,
  type Value,
  where,
} from '@alphapo/graph';
import type { AttentionBlocks, TokenInputs } from './definition.ts';

/** Added to the scores of tokens that are not seen; exp() of it is 0 in every float type. */
const UNSEEN = -1e9;

export interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** Factor of the scores, usually headDim ** -0.5. */
  readonly scale: number;
  /** A token sees this many positions, itself included; all when undefined. */
  readonly slidingWindow: number | undefined;
  /** Scores are bent to stay within this. */
  readonly softCap?: number | undefined;
}

/** cap * tanh(x / cap). arXiv:2408.00118. */
const capped = (x: Value, cap: number | undefined): Value => (cap === undefined ? x : mul(tanh(div(x, cap)), cap));

/**
 * Grouped-query attention over the tokens of a pack, block by block: a block is a range of queries with the keys that any of
 * them may see, so that neither time nor memory is spent on others. A block's weights live only inside a loop; for the
 * gradient they are computed again.
 *
 * @param q queries [T, H * headDim], rotated where the model rotates
 * @param k keys [T, K * headDim]
 * @param v values [T, K * headDim]
 * @returns [T, H * headDim]
 */
export function attention(
  { q, k, v }: { q: Value; k: Value; v: Value },
  shape: AttentionShape,
  inputs: TokenInputs,
  blocks: AttentionBlocks,
): Value {
  const { graph } = q;
  const places = Object.values(blocks.places);
  const placesOf = (slices: readonly Value[]) =>
    Object.fromEntries(Object.keys(blocks.places).map((name, i) => [name, slices[i]])) as unknown as Places;
  const stackOf = (outputs: readonly Value[], index: number) => {
    const stack = outputs[index] as Value;
    return reshape(stack, [productOf(stack.shape.slice(0, 2)), stack.shape[2] as number]);
  };
  const { outputs } = scan(graph, [], places, (_states, slices) => {
    const block = new Block(placesOf(slices), inputs, shape);
    return { states: [], outputs: [block.padQueries(block.mix(block.queries(q), block.keys(k), block.keys(v)))] };
  });
  return customDerivative(gather(stackOf(outputs, 0), blocks.queryRows), [q, k, v], (arriving) => {
    const { outputs: stacks } = scan(graph, [], places, (_states, slices) => {
      const block = new Block(placesOf(slices), inputs, shape);
      const parts = [block.queries(q), block.keys(k), block.keys(v)];
      const output = block.mix(...(parts as [Value, Value, Value]));
      const seeds = [{ output, gradient: block.queries(arriving) }];
      const [dq, dk, dv] = differentiate(output.graph, seeds, parts).map(({ dense }) => dense) as [Value, Value, Value];
      return { states: [], outputs: [block.padQueries(dq), block.padKeys(dk), block.padKeys(dv)] };
    });
    return [
      gather(stackOf(stacks, 0), blocks.queryRows),
      gatherSum(stackOf(stacks, 1), blocks.keyRows),
      gatherSum(stackOf(stacks, 2), blocks.keyRows),
    ];
  });
}

type Places = AttentionBlocks['places'];

/** One block inside the loop. Axes: B its queries, C its keys; Q and R the most that a block of the pack has of each. */
class Block {
  readonly #places: Places;
  readonly #inputs: TokenInputs;
  readonly #shape: AttentionShape;

  constructor(places: Places, inputs: TokenInputs, shape: AttentionShape) {
    this.#places = places;
    this.#inputs = inputs;
    this.#shape = shape;
  }

  /** Rows of the block's queries [B, …]. */
  queries(x: Value): Value {
    return rowSlice(x, this.#places.queryStart, this.#places.end, 'B');
  }

  /** Rows of the block's keys [C, …]: those of the prompt, then those of the queries' own part. */
  keys(x: Value): Value {
    const { prefixStart, prefixEnd, ownStart, end } = this.#places;
    const rows = concat([rowSlice(x, prefixStart, prefixEnd, 'C1'), rowSlice(x, ownStart, end, 'C2')], 0);
    return reshape(rows, ['C', ...x.shape.slice(1)]);
  }

  padQueries(x: Value): Value {
    return rowPad(x, this.#places.queryPads, 'Q');
  }

  padKeys(x: Value): Value {
    return rowPad(x, this.#places.keyPads, 'R');
  }

  /** Attention of q [B, H * headDim] over k and v [C, K * headDim]. */
  mix(q: Value, k: Value, v: Value): Value {
    const { heads, keyValueHeads: K, headDim, scale, softCap } = this.#shape;
    const groups = heads / K;
    // Queries that share a key-value head are one matrix: [K, groups * B, headDim].
    const queries = transpose(reshape(q, ['B', K, groups, headDim]), [1, 2, 0, 3]);
    const rows = productOf([groups, 'B']);
    const perHead = (x: Value) => transpose(reshape(x, ['C', K, headDim]), [1, 0, 2]);
    const scores = mul(matmul(reshape(queries, [K, rows, headDim]), transposeMatrix(perHead(k))), scale);
    const weights = softmax(add(capped(scores, softCap), this.#mask(groups)));
    const mixed = reshape(matmul(weights, perHead(v)), [K, groups, 'B', headDim]);
    return reshape(transpose(mixed, [2, 0, 1, 3]), ['B', heads * headDim]);
  }

  /**
   * Additive mask [groups * B, C]: a token sees the earlier tokens of its own row that belong to the prompt or to its own
   * response, and within a sliding window w only positions p with 0 <= own - p < w.
   */
  #mask(groups: number): Value {
    const { positions, rows, branches } = this.#inputs;
    const { slidingWindow } = this.#shape;
    const column = (x: Value) =>
      concat(
        Array.from({ length: groups }, () => reshape(this.queries(x), ['B', 1])),
        0,
      );
    const row = (x: Value) => reshape(this.keys(x), [1, 'C']);
    const [position, keyPosition, keyBranch] = [column(positions), row(positions), row(branches)];
    const seesBranch = or(equal(keyBranch, 0), equal(column(branches), keyBranch));
    const causal = lessOrEqual(keyPosition, position);
    let seen = and(and(equal(column(rows), row(rows)), causal), seesBranch);
    if (slidingWindow !== undefined) seen = and(seen, less(sub(position, keyPosition), slidingWindow));
    return where(seen, positions.graph.scalar('f32', 0), UNSEEN);
  }
}
