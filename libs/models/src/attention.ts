import {
  add,
  customDerivative,
  type Dimension,
  gather,
  gatherSum,
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
import type { AttentionBlocks, BlockPlaces, WholePack } from './definition.ts';

/** Queries [T, H * headDim], rotated where the model rotates, keys and values [T, K * headDim]. */
interface AttentionParts {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/** Grouped-query attention over the tokens of a pack: [T, H * headDim]. */
export function attention(parts: AttentionParts, shape: AttentionShape, over: AttentionBlocks | WholePack): Value {
  return 'places' in over ? blockAttention(parts, shape, over) : wholeAttention(parts, shape, over);
}

/**
 * Block by block: a block is a range of queries with the keys that any of them may see, so that neither time nor memory is
 * spent on others. A block's weights live only inside a loop; for the gradient they are computed again.
 */
function blockAttention({ q, k, v }: AttentionParts, shape: AttentionShape, blocks: AttentionBlocks): Value {
  const scaled = timesScale(q, shape);
  const [stack] = blockRows(q, blocks, (places, mask) => {
    const block = new Block(places, mask, shape);
    return [block.padQueries(block.attending.forward(block.parts(scaled, k, v)))];
  }) as [Value];
  const mixed = gather(stack, blocks.queryRows);
  return customDerivative(mixed, [q, k, v], (arriving) => {
    const products = headProducts(arriving, mixed, shape);
    const [dq, dk, dv] = blockRows(q, blocks, (places, mask) => {
      const block = new Block(places, mask, shape);
      const parts = block.parts(scaled, k, v);
      const gradients = block.attending.backward(parts, block.queries(arriving), block.queries(products));
      return [block.padQueries(gradients.q), block.padKeys(gradients.k), block.padKeys(gradients.v)];
    }) as [Value, Value, Value];
    return [gather(dq, blocks.queryRows), gatherSum(dk, blocks.keyRows), gatherSum(dv, blocks.keyRows)];
  });
}

/**
 * The whole pack at once, for devices that do a large product faster than a loop with small ones. For the gradient the
 * weights are computed again: from queries to which zero times what arrives was added, so that ONNX Runtime neither sees
 * that it computes the same twice, and keeps the weights, nor computes them early.
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

/** What each block gives, padded to one extent: the results of all blocks come back as the rows of matrices. */
function blockRows(
  x: Value,
  { places, masks }: AttentionBlocks,
  body: (places: BlockPlaces, mask: Value) => readonly Value[],
): Value[] {
  const stacks = overBlocks(x.graph, places, [masks], (own, [mask]) => body(own, mask as Value));
  return stacks.map((stack) => reshape(stack, [productOf(stack.shape.slice(0, 2)), stack.shape[2] as number]));
}

/** One block inside the loop, of some queries and keys; Q and R are the most that a block of the pack has of each. */
class Block {
  readonly attending: Attending;
  readonly #places: BlockPlaces;
  readonly #padded: { readonly queries: Dimension; readonly keys: Dimension };

  /** `mask`: the block's, padded to [Q, R]. */
  constructor(places: BlockPlaces, mask: Value, shape: AttentionShape) {
    this.#places = places;
    const [queries = 0, keys = 0] = mask.shape;
    this.#padded = { queries, keys };
    const zero = mask.graph.constant('i64', [1], [0]);
    const rows = sliceRange(mask, 0, zero, places.queryCount, 'queries');
    this.attending = new Attending(shape, sliceRange(rows, 1, zero, places.keyCount, 'keys'));
  }

  parts(scaled: Value, k: Value, v: Value) {
    return { queries: this.queries(scaled), keys: this.#keys(k), values: this.#keys(v) };
  }

  /** The block's part of x [T, H * width], heads apart. */
  queries(x: Value): Value {
    return this.attending.queries(queriesOf(x, this.#places));
  }

  /** The block's part of x [T, K * headDim], heads apart: the prompt's rows, then those of the queries' own part. */
  #keys(x: Value): Value {
    return this.attending.keys(keysOf(x, this.#places));
  }

  padQueries(x: Value): Value {
    return padTo(x, this.#places.queryPads, [this.#padded.queries, ...x.shape.slice(1)]);
  }

  padKeys(x: Value): Value {
    return padTo(x, this.#places.keyPads, [this.#padded.keys, ...x.shape.slice(1)]);
  }
}
