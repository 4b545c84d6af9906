import {
  add,
  cast,
  customDerivative,
  type Dimension,
  expand,
  gather,
  isNarrow,
  mul,
  padTo,
  productOf,
  reduceSum,
  reshape,
  sliceRange,
  type Value,
  widened,
} from '@alphapo/graph';
import { Attending, type AttentionShape, timesScale } from './attending.ts';
import { keysOf, overBlocks, queriesOf } from './block-loop.ts';
import type { AttentionBlocks, AttentionParts, BlockPlaces, WholePack } from './definition.ts';

/** Grouped-query attention over the tokens of a pack: [T, H * headDim]. */
export function attention(parts: AttentionParts, shape: AttentionShape, over: AttentionBlocks | WholePack): Value {
  return 'places' in over ? blockAttention(parts, shape, over) : wholeAttention(parts, shape, over);
}

/**
 * Computes attention in blocks. A block is a range of queries with the keys that any of them can see; no time or memory goes into
 * other pairs. The attention weights of a block exist only inside the loop; the backward pass recomputes them.
 *
 * The gradient of a key is a sum over the blocks that see it: the block of its own token and later ones. The loop therefore runs from the
 * last block to the first and carries the sums by position. After a block's iteration, the sums of its own tokens are complete. The sums of
 * earlier positions pass on to the preceding block, which continues the same sequence, or starts another one after the same prompt or
 * without one.
 */
function blockAttention({ q, k, v }: AttentionParts, shape: AttentionShape, blocks: AttentionBlocks): Value {
  const { graph } = q;
  const { places, masks, queryRows } = blocks;
  const scaled = timesScale(q, shape);
  const [stack] = overBlocks(graph, places, { sequences: [masks] }, (own, [mask]) => {
    const block = new Block(own, mask as Value, shape);
    return { outputs: [block.padQueries(block.attending.forward(block.parts(scaled, k, v)))] };
  }) as [Value];
  const mixed = rowsOf(stack, queryRows);
  return customDerivative(mixed, [q, k, v], (arriving) => {
    const products = headProducts(arriving, mixed, shape);
    const states = [k, v].map((x) => positionSums(x, blocks));
    const stacks = overBlocks(graph, places, { states, sequences: [masks] }, (own, [mask], [ofKeys, ofValues]) => {
      const block = new Block(own, mask as Value, shape);
      const parts = block.parts(scaled, k, v);
      const gradients = block.attending.backward(parts, block.queries(arriving), block.queries(products));
      const sums = [block.addKeys(ofKeys as Value, gradients.k), block.addKeys(ofValues as Value, gradients.v)];
      const complete = sums.map((sum) => cast(block.complete(sum), k.type));
      return {
        states: sums.map((sum) => block.earlier(sum)),
        outputs: [gradients.q, ...complete].map((x) => block.padQueries(x)),
      };
    });
    return stacks.map((of) => rowsOf(of, queryRows));
  });
}

/** Gathers the tokens' rows [T, D] from the results of the blocks, which are padded to one extent [N, Q, D]. */
function rowsOf(stack: Value, queryRows: Value): Value {
  const [blocks = 0, queries = 0, width = 0] = stack.shape;
  return gather(reshape(stack, [productOf([blocks, queries]), width]), queryRows);
}

/** Initial sums by position, zeros [L, D] in at least float32, for rows like those of x [T, D]. */
function positionSums(x: Value, { positionZeros }: AttentionBlocks): Value {
  const [positions = 0] = positionZeros.shape;
  return expand(cast(positionZeros, isNarrow(x.type) ? 'f32' : x.type), [positions, ...x.shape.slice(1)]);
}

/**
 * Computes attention over the whole pack at once, for devices that run one large product faster than a loop of small ones. The backward
 * pass recomputes the weights from the queries plus zero times the incoming gradient. Otherwise ONNX Runtime would merge the two equal
 * computations and keep the weights in memory, or recompute them too early.
 */
function wholeAttention({ q, k, v }: AttentionParts, shape: AttentionShape, { mask }: WholePack): Value {
  const attending = new Attending(shape, mask);
  const scaled = timesScale(q, shape);
  const partsOf = (queries: Value) => ({
    queries: attending.queries(queries),
    keys: attending.keys(k),
    values: attending.keys(v),
  });
  const mixed = attending.forward(partsOf(scaled));
  return customDerivative(mixed, [q, k, v], (arriving) => {
    const products = attending.queries(headProducts(arriving, mixed, shape));
    const again = partsOf(add(scaled, mul(arriving, 0)));
    const gradients = attending.backward(again, attending.queries(arriving), products);
    return [gradients.q, gradients.k, gradients.v];
  });
}

/** Sums of dO * O over each head's dimensions: [T, H]. */
function headProducts(arriving: Value, mixed: Value, { heads, headDim }: AttentionShape): Value {
  const T = mixed.shape[0] as string;
  const products = mul(widened(arriving), widened(mixed));
  return reshape(reduceSum(reshape(products, [T, heads, headDim]), [2]), [T, heads]);
}

/** One block inside the loop; Q and R are the largest numbers of queries and keys of any block of the pack. */
class Block {
  readonly attending: Attending;
  readonly #places: BlockPlaces;
  readonly #paddedQueries: Dimension;
  readonly #zero: Value;

  /** `mask`: that of the block, padded to [Q, R]. */
  constructor(places: BlockPlaces, mask: Value, shape: AttentionShape) {
    this.#places = places;
    [this.#paddedQueries] = mask.shape as [Dimension, Dimension];
    this.#zero = mask.graph.constant('i64', [1], [0]);
    const rows = sliceRange(mask, 0, this.#zero, places.queryCount, 'queries');
    this.attending = new Attending(shape, sliceRange(rows, 1, this.#zero, places.keyCount, 'keys'));
  }

  parts(scaled: Value, k: Value, v: Value) {
    return { queries: this.queries(scaled), keys: this.#keys(k), values: this.#keys(v) };
  }

  /** The block's rows of x [T, H * width], split by head. */
  queries(x: Value): Value {
    return this.attending.queries(queriesOf(x, this.#places));
  }

  /** The block's rows of x [T, K * headDim], split by head: first those of the prompt, then those of the response. */
  #keys(x: Value): Value {
    return this.attending.keys(keysOf(x, this.#places));
  }

  padQueries(x: Value): Value {
    return padTo(x, this.#places.queryPads, [this.#paddedQueries, ...x.shape.slice(1)]);
  }

  /** Adds the rows of the block's keys [C, D] to the sums by position [L, D]. */
  addKeys(sums: Value, x: Value): Value {
    return add(sums, padTo(widened(x), this.#places.keyPads, sums.shape));
  }

  /** The complete sums of the block's own tokens [B, D]; no other block adds to them. */
  complete(sums: Value): Value {
    return sliceRange(sums, 0, this.#places.firstPosition, this.#places.endPosition, 'queries');
  }

  /** The sums of the positions before the block's queries, followed by zeros: [L, D]. */
  earlier(sums: Value): Value {
    const { firstPosition, earlierPads } = this.#places;
    return padTo(sliceRange(sums, 0, this.#zero, firstPosition, 'earlier'), earlierPads, sums.shape);
  }
}
