import {
  add,
  cast,
  concat,
  type Dimension,
  div,
  matmul,
  mul,
  productOf,
  reshape,
  softmax,
  sub,
  tanh,
  transpose,
  transposeMatrix,
  type Value,
  widened,
} from '@alphapo/graph';

export interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** Factor of the scores, usually headDim ** -0.5. */
  readonly scale: number;
  /** Soft cap of the scores: cap * tanh(score / cap). arXiv:2408.00118. */
  readonly softCap?: number | undefined;
}

/** Inputs of attention, split by head: scaled queries, keys and values. */
interface Parts {
  /** [K, groups * B, headDim] */
  readonly queries: Value;
  /** [K, C, headDim] */
  readonly keys: Value;
  readonly values: Value;
}

/**
 * Attention of B queries over C keys. Queries that share a key-value head form one matrix: values per query have the shape
 * [K, groups * B, …], keys have [K, C, …]. Products use the element type of the inputs; scores and weights use at least float32.
 */
export class Attending {
  readonly #shape: AttentionShape;
  readonly #groups: number;
  readonly #queryCount: Dimension;
  readonly #keyCount: Dimension;
  readonly #mask: Value;

  /** `mask`: additive, [B, C]. */
  constructor(shape: AttentionShape, mask: Value) {
    this.#shape = shape;
    this.#groups = shape.heads / shape.keyValueHeads;
    [this.#queryCount, this.#keyCount] = mask.shape as [Dimension, Dimension];
    this.#mask = mask;
  }

  /** Splits x [B, H * width] by head: [K, groups * B, width]. */
  queries(x: Value): Value {
    const { keyValueHeads: K, heads } = this.#shape;
    const width = (x.shape[1] as number) / heads;
    const split = transpose(reshape(x, [this.#queryCount, K, this.#groups, width]), [1, 2, 0, 3]);
    return reshape(split, [K, productOf([this.#groups, this.#queryCount]), width]);
  }

  /** Splits x [C, K * headDim] by head: [K, C, headDim]. */
  keys(x: Value): Value {
    const { keyValueHeads: K, headDim } = this.#shape;
    return transpose(reshape(x, [this.#keyCount, K, headDim]), [1, 0, 2]);
  }

  /** Weighted sums of the values: [B, H * headDim]. */
  forward({ queries, keys, values }: Parts): Value {
    const weights = this.#weights(scoresOf(queries, keys));
    return this.#joinQueries(matmul(cast(weights, values.type), values));
  }

  /**
   * Gradients of queries [B, H * headDim], and of keys and values [C, K * headDim], from that of the result and D = rowsum
   * (dO * O), as in FlashAttention (arXiv:2205.14135, section B.4):
   *
   *     dV = P' dO,   dS = P * (dO V' - D),   dQ = scale dS K,   dK = scale dS' Q.
   */
  backward({ queries, keys, values }: Parts, gradient: Value, products: Value): { q: Value; k: Value; v: Value } {
    const scores = scoresOf(queries, keys);
    const weights = this.#weights(scores);
    const ofWeights = widened(matmul(gradient, transposeMatrix(values)));
    const ofScores = cast(this.#throughSoftCap(mul(weights, sub(ofWeights, products)), scores), queries.type);
    return {
      q: timesScale(this.#joinQueries(matmul(ofScores, keys)), this.#shape),
      k: this.#joinKeys(matmul(transposeMatrix(ofScores), queries)),
      v: this.#joinKeys(matmul(transposeMatrix(cast(weights, gradient.type)), gradient)),
    };
  }

  /** Attention weights [K, groups * B, C]. */
  #weights(scores: Value): Value {
    const { softCap } = this.#shape;
    const capped = softCap === undefined ? scores : mul(tanh(div(scores, softCap)), softCap);
    return softmax(add(capped, concat(new Array<Value>(this.#groups).fill(this.#mask), 0)));
  }

  /** The gradient of the scores from that of the capped scores. */
  #throughSoftCap(gradient: Value, scores: Value): Value {
    const { softCap } = this.#shape;
    if (softCap === undefined) return gradient;
    const bent = tanh(div(scores, softCap));
    return mul(gradient, sub(1, mul(bent, bent)));
  }

  /** Joins the heads of [K, groups * B, headDim]: [B, H * headDim]. */
  #joinQueries(x: Value): Value {
    const { heads, keyValueHeads: K, headDim } = this.#shape;
    const split = reshape(x, [K, this.#groups, this.#queryCount, headDim]);
    return reshape(transpose(split, [2, 0, 1, 3]), [this.#queryCount, heads * headDim]);
  }

  /** Joins the heads of [K, C, headDim]: [C, K * headDim]. */
  #joinKeys(x: Value): Value {
    const { keyValueHeads: K, headDim } = this.#shape;
    return reshape(transpose(x, [1, 0, 2]), [this.#keyCount, K * headDim]);
  }
}

/** Products of queries and keys [K, groups * B, C]. */
const scoresOf = (queries: Value, keys: Value): Value => widened(matmul(queries, transposeMatrix(keys)));

/** Multiplies queries, or their gradient, by the scale of the scores. */
export const timesScale = (x: Value, { scale }: AttentionShape): Value => cast(mul(widened(x), scale), x.type);
