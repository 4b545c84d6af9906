import type { Row } from './row.ts';
import { rowTokens } from './row.ts';
import type { Feeds, TensorData } from './session.ts';

/** A range of queries on the token axis, and the keys that any of them may see: prefixStart to prefixEnd, ownStart to end. */
export interface AttentionBlock {
  readonly queryStart: number;
  readonly prefixStart: number;
  readonly prefixEnd: number;
  readonly ownStart: number;
  readonly end: number;
  /** Position of the first query in its own sequence; 0 where the block is of whole rows. */
  readonly firstPosition: number;
}

/** Queries of a block: few enough that a causal block wastes little work and its scores fit into the cores' caches. */
const MAX_QUERIES = 256;

/** Overhead of a round of the loop, in scores (query-key pairs) that could be computed in that time. */
const ROUND_COST = 4096;

/** Cuts the rows of a pack into blocks that cost least: whole rows, neighbours together, or each part by itself. */
export function attentionBlocks(rows: readonly Row[], slidingWindow: number | undefined): AttentionBlock[] {
  const blocks: AttentionBlock[] = [];
  /** Tokens of the last block while it is one of whole rows. */
  let whole = 0;
  let start = 0;
  for (const row of rows) {
    const tokens = rowTokens(row);
    const parts = partBlocks(row, start, slidingWindow ?? Number.POSITIVE_INFINITY);
    const partsCost = parts.reduce((sum, block) => sum + keyCount(block) * queryCount(block) + ROUND_COST, 0);
    if (tokens * tokens + ROUND_COST > partsCost) {
      blocks.push(...parts);
      whole = 0;
    } else if (whole > 0 && 2 * whole * tokens <= ROUND_COST) {
      blocks.push({ ...(blocks.pop() as AttentionBlock), end: start + tokens });
      whole += tokens;
    } else {
      const places = { queryStart: start, prefixStart: start, prefixEnd: start, ownStart: start, end: start + tokens };
      blocks.push({ ...places, firstPosition: 0 });
      whole = tokens;
    }
    start += tokens;
  }
  return blocks;
}

export const queryCount = ({ queryStart, end }: AttentionBlock): number => end - queryStart;
const endPosition = (block: AttentionBlock): number => block.firstPosition + queryCount(block);
export const keyCount = ({ prefixStart, prefixEnd, ownStart, end }: AttentionBlock): number =>
  prefixEnd - prefixStart + end - ownStart;

/** The prompt by itself, each response over the prompt and itself, each in pieces of at most MAX_QUERIES. */
function partBlocks({ prompt, responses }: Row, start: number, window: number): AttentionBlock[] {
  const promptEnd = start + prompt.length;
  const blocks = pieces(start, prompt.length).map(({ from, to }) => ({
    queryStart: from,
    prefixStart: start,
    prefixEnd: start,
    ownStart: Math.max(start, from - window + 1),
    end: to,
    firstPosition: from - start,
  }));
  let own = promptEnd;
  for (const { length } of responses) {
    for (const { from, to } of pieces(own, length)) {
      const firstPosition = prompt.length + from - own;
      const oldest = start + firstPosition - window + 1;
      blocks.push({
        queryStart: from,
        prefixStart: Math.min(promptEnd, Math.max(start, oldest)),
        prefixEnd: promptEnd,
        ownStart: Math.max(own, from - window + 1),
        end: to,
        firstPosition,
      });
    }
    own += length;
  }
  return blocks;
}

function pieces(start: number, length: number): { from: number; to: number }[] {
  const count = Math.ceil(length / MAX_QUERIES);
  const edge = (i: number) => start + Math.floor((i * length) / count);
  return Array.from({ length: count }, (_, i) => ({ from: edge(i), to: edge(i + 1) }));
}

/** The inputs that describe blocks of a pack of T tokens to the graph: see AttentionBlocks of `@alphapo/models`. */
export function attentionFeeds(inOrder: readonly AttentionBlock[], tokens: number, prefix: string): Feeds {
  const blocks = inOrder.toReversed();
  const Q = Math.max(...blocks.map(queryCount));
  const R = Math.max(...blocks.map(keyCount));
  const L = Math.max(...blocks.map(endPosition));
  const column = (of: (block: AttentionBlock) => number): TensorData => indices([blocks.length, 1], blocks.map(of));
  const pads = (of: (block: AttentionBlock) => readonly number[]): TensorData =>
    indices([blocks.length, 4], blocks.flatMap(of));
  const queryRows = new Array<number>(tokens).fill(0);
  blocks.forEach((block, n) => {
    for (let t = block.queryStart; t < block.end; t++) queryRows[t] = n * Q + t - block.queryStart;
  });
  return {
    [`${prefix}queryStart`]: column((block) => block.queryStart),
    [`${prefix}prefixStart`]: column((block) => block.prefixStart),
    [`${prefix}prefixEnd`]: column((block) => block.prefixEnd),
    [`${prefix}ownStart`]: column((block) => block.ownStart),
    [`${prefix}end`]: column((block) => block.end),
    [`${prefix}queryCount`]: column(queryCount),
    [`${prefix}keyCount`]: column(keyCount),
    [`${prefix}firstPosition`]: column((block) => block.firstPosition),
    [`${prefix}endPosition`]: column(endPosition),
    [`${prefix}queryPads`]: pads((block) => [0, 0, Q - queryCount(block), 0]),
    // A block's keys end with its queries, and are of one sequence: their positions follow each other.
    [`${prefix}keyPads`]: pads((block) => [endPosition(block) - keyCount(block), 0, L - endPosition(block), 0]),
    [`${prefix}earlierPads`]: pads((block) => [0, 0, L - block.firstPosition, 0]),
    [`${prefix}maskPads`]: pads((block) => [0, 0, Q - queryCount(block), R - keyCount(block)]),
    [`${prefix}queryRows`]: indices([tokens], queryRows),
    [`${prefix}positionZeros`]: { type: 'f32', shape: [L, 1], data: new Float32Array(L) },
  };
}

function indices(shape: readonly number[], values: readonly number[]): TensorData {
  return { type: 'i64', shape, data: BigInt64Array.from(values, BigInt) };
}
