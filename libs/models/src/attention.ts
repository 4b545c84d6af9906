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
 * Block by block: a block is a range of queries with the keys that any of them may see, so that neither time nor memory is
 * spent on others. A block's weights live only inside a loop; for the gradient they are computed again.
 *
 * A key's gradient is a sum over the blocks that see it, which are that of its own token and later ones. So the last block
 * comes first, and sums are carried from round to round by position: those of a block's own tokens are complete after its round,
 * those of earlier positions go on to the block before, which continues the same sequence, or begins another behind the same
 * prompt, or behind none.
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

/** The tokens' rows [T, D] of what blocks gave, padded to one extent [N, Q, D]. */
function rowsOf(stack: Value, queryRows: Value): Value {
  const [blocks = 0, queries = 0, width = 0] = stack.shape;
  return gather(reshape(stack, [productOf([blocks, queries]), width]), queryRows);
}

/** Sums by position before any block has added to them, of rows like those of x [T, D]: [L, D], in float32 at least. */
function positionSums(x: Value, { positionZeros }: AttentionBlocks): Value {
  const [positions = 0] = positionZeros.shape;
  return expand(cast(positionZeros, isNarrow(x.type) ? 'f32' : x.type), [positions, ...x.shape.slice(1)]);
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

/** One block inside the loop, of some queries and keys; Q and R are the most that a block of the pack has of each. */
class Block {
  readonly attending: Attending;
  readonly #places: BlockPlaces;
  readonly #paddedQueries: Dimension;
  readonly #zero: Value;

  /** `mask`: the block's, padded to [Q, R]. */
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

  /** The block's part of x [T, H * width], heads apart. */
  queries(x: Value): Value {
    return this.attending.queries(queriesOf(x, this.#places));
  }

  /** The block's part of x [T, K * headDim], heads apart: the prompt's rows, then those of the queries' own part. */
  #keys(x: Value): Value {
    return this.attending.keys(keysOf(x, this.#places));
  }

  padQueries(x: Value): Value {
    return padTo(x, this.#places.queryPads, [this.#paddedQueries, ...x.shape.slice(1)]);
  }

  /** Sums by position [L, D] with rows of the block's keys [C, D] added. */
  addKeys(sums: Value, x: Value): Value {
    return add(sums, padTo(widened(x), this.#places.keyPads, sums.shape));
  }

  /** The sums of the block's own tokens, to which no other block adds any more: [B, D]. */
  complete(sums: Value): Value {
    return sliceRange(sums, 0, this.#places.firstPosition, this.#places.endPosition, 'queries');
  }

  /** The sums of the positions before the block's queries, and zeros behind them: [L, D]. */
  earlier(sums: Value): Value {
    const { firstPosition, earlierPads } = this.#places;
    return padTo(sliceRange(sums, 0, this.#zero, firstPosition, 'earlier'), earlierPads, sums.shape);
  }
}
