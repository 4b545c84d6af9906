import {
  add,
  concat,
  customDerivative,
  div,
  gather,
  gatherSum,
  matmul,
  mul,
  padTo,
  productOf,
  reduceSum,
  reshape,
  scan,
  sliceRange,
  softmax,
  sub,
  tanh,
  transpose,
  transposeMatrix,
  type Value,
} from '@alphapo/graph';
import type { AttentionBlocks, BlockPlaces } from './definition.ts';

export interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** Factor of the scores, usually headDim ** -0.5. */
  readonly scale: number;
  /** Scores are bent to stay within this, by cap * tanh(score / cap). arXiv:2408.00118. */
  readonly softCap?: number | undefined;
}

/**
 * Grouped-query attention over the tokens of a pack, block by block: a block is a range of queries with the keys that any of
 * them may see, so that neither time nor memory is spent on others. A block's weights P live only inside a loop; for the
 * gradient they are computed again, and with D = rowsum(dO * O), as in FlashAttention (arXiv:2205.14135, section B.4),
 *
 *     dV = P' dO,   dS = P * (dO V' - D),   dQ = scale dS K,   dK = scale dS' Q.
 *
 * @param q queries [T, H * headDim], rotated where the model rotates
 * @param k keys [T, K * headDim]
 * @param v values [T, K * headDim]
 * @returns [T, H * headDim]
 */
export function attention(
  { q, k, v }: { q: Value; k: Value; v: Value },
  shape: AttentionShape,
  blocks: AttentionBlocks,
): Value {
  const { heads, headDim } = shape;
  const T = q.shape[0] as string;
  const scaled = mul(q, shape.scale);
  const [stack] = overBlocks(q, blocks, (places, mask) => {
    const block = new Block(places, mask, shape);
    const weights = block.weights(block.scores(block.queries(scaled), block.keys(k)));
    return [block.padQueries(block.joinHeads(matmul(weights, block.keys(v))))];
  }) as [Value];
  const mixed = gather(stack, blocks.queryRows);
  return customDerivative(mixed, [q, k, v], (arriving) => {
    const products = reduceSum(reshape(mul(arriving, mixed), [T, heads, headDim]), [2]);
    const perHead = reshape(products, [T, heads]);
    const [dq, dk, dv] = overBlocks(q, blocks, (places, mask) => {
      const block = new Block(places, mask, shape);
      const [queries, keys, gradient] = [block.queries(scaled), block.keys(k), block.queries(arriving)];
      const scores = block.scores(queries, keys);
      const weights = block.weights(scores);
      const ofWeights = matmul(gradient, transposeMatrix(block.keys(v)));
      const ofScores = block.throughSoftCap(mul(weights, sub(ofWeights, block.queries(perHead))), scores);
      return [
        block.padQueries(mul(block.joinHeads(matmul(ofScores, keys)), shape.scale)),
        block.padKeys(matmul(transposeMatrix(ofScores), queries)),
        block.padKeys(matmul(transposeMatrix(weights), gradient)),
      ];
    }) as [Value, Value, Value];
    return [gather(dq, blocks.queryRows), gatherSum(dk, blocks.keyRows), gatherSum(dv, blocks.keyRows)];
  });
}

/** Runs over the blocks of a pack; the padded results of all blocks come back as the rows of matrices. */
function overBlocks(
  x: Value,
  { places, masks }: AttentionBlocks,
  body: (places: BlockPlaces, mask: Value) => readonly Value[],
): Value[] {
  const names = Object.keys(places);
  const { outputs } = scan(x.graph, [], [...Object.values(places), masks], (_states, slices) => {
    const own = Object.fromEntries(names.map((name, i) => [name, slices[i]])) as unknown as BlockPlaces;
    return { states: [], outputs: body(own, slices.at(-1) as Value) };
  });
  return outputs.map((stack) => reshape(stack, [productOf(stack.shape.slice(0, 2)), stack.shape[2] as number]));
}

/**
 * One block inside the loop. Axes: B its queries, C its keys; Q and R the most that a block of the pack has of each. Queries
 * that share a key-value head are one matrix: what is per query has the shape [K, groups * B, …], keys have [K, C, …].
 */
class Block {
  readonly #places: BlockPlaces;
  readonly #mask: Value;
  readonly #shape: AttentionShape;
  readonly #groups: number;

  constructor(places: BlockPlaces, mask: Value, shape: AttentionShape) {
    this.#places = places;
    this.#mask = mask;
    this.#shape = shape;
    this.#groups = shape.heads / shape.keyValueHeads;
  }

  /** The block's part of x [T, H * width]: [K, groups * B, width]. */
  queries(x: Value): Value {
    const { keyValueHeads: K, heads } = this.#shape;
    const width = (x.shape[1] as number) / heads;
    const rows = sliceRange(x, 0, this.#places.queryStart, this.#places.end, 'B');
    const split = transpose(reshape(rows, ['B', K, this.#groups, width]), [1, 2, 0, 3]);
    return reshape(split, [K, productOf([this.#groups, 'B']), width]);
  }

  /** The block's part of x [T, K * headDim]: the prompt's rows, then those of the queries' own part, [K, C, headDim]. */
  keys(x: Value): Value {
    const { prefixStart, prefixEnd, ownStart, end } = this.#places;
    const { keyValueHeads: K, headDim } = this.#shape;
    const rows = concat([sliceRange(x, 0, prefixStart, prefixEnd, 'C1'), sliceRange(x, 0, ownStart, end, 'C2')], 0);
    return transpose(reshape(rows, ['C', K, headDim]), [1, 0, 2]);
  }

  /** Products of queries and keys [K, groups * B, C]. */
  scores(queries: Value, keys: Value): Value {
    return matmul(queries, transposeMatrix(keys));
  }

  /** Each query's weights of the keys [K, groups * B, C]. */
  weights(scores: Value): Value {
    const { softCap } = this.#shape;
    const { queryCount, keyCount } = this.#places;
    const zero = this.#mask.graph.constant('i64', [1], [0]);
    const rows = sliceRange(this.#mask, 0, zero, queryCount, 'B');
    const own = sliceRange(rows, 1, zero, keyCount, 'C');
    const capped = softCap === undefined ? scores : mul(tanh(div(scores, softCap)), softCap);
    return softmax(add(capped, concat(new Array<Value>(this.#groups).fill(own), 0)));
  }

  /** The gradient of the scores from that of the capped scores. */
  throughSoftCap(gradient: Value, scores: Value): Value {
    const { softCap } = this.#shape;
    if (softCap === undefined) return gradient;
    const bent = tanh(div(scores, softCap));
    return mul(gradient, sub(1, mul(bent, bent)));
  }

  /** [K, groups * B, headDim] as [B, H * headDim]. */
  joinHeads(x: Value): Value {
    const { heads, keyValueHeads: K, headDim } = this.#shape;
    const split = reshape(x, [K, this.#groups, 'B', headDim]);
    return reshape(transpose(split, [2, 0, 1, 3]), ['B', heads * headDim]);
  }

  padQueries(x: Value): Value {
    return padTo(x, this.#places.queryPads, ['Q', ...x.shape.slice(1)]);
  }

  /** [K, C, headDim] as [R, K * headDim]. */
  padKeys(x: Value): Value {
    const { keyValueHeads: K, headDim } = this.#shape;
    const rows = reshape(transpose(x, [1, 0, 2]), ['C', K * headDim]);
    return padTo(rows, this.#places.keyPads, ['R', K * headDim]);
  }
}
