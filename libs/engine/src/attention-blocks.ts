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
}

/** Queries of a block: keeps what a causal block computes in vain small, and its scores within the cores' caches. */
const MAX_QUERIES = 256;

/** What a round of the loop costs besides its products, in scores (query-key pairs) that could be computed meanwhile. */
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
      blocks.push({ queryStart: start, prefixStart: start, prefixEnd: start, ownStart: start, end: start + tokens });
      whole = tokens;
    }
    start += tokens;
  }
  return blocks;
}

export const queryCount = ({ queryStart, end }: AttentionBlock): number => end - queryStart;
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
  }));
  let own = promptEnd;
  for (const { length } of responses) {
    for (const { from, to } of pieces(own, length)) {
      // The first query's position is that of the prompt's end plus its place in the response.
      const oldest = promptEnd + (from - own) - window + 1;
      blocks.push({
        queryStart: from,
        prefixStart: Math.min(promptEnd, Math.max(start, oldest)),
        prefixEnd: promptEnd,
        ownStart: Math.max(own, from - window + 1),
        end: to,
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
export function attentionFeeds(blocks: readonly AttentionBlock[], tokens: number, prefix: string): Feeds {
  const Q = Math.max(...blocks.map(queryCount));
  // One row more than any block has: there is always a row of zeros to point at.
  const R = Math.max(...blocks.map(keyCount)) + 1;
  const column = (of: (block: AttentionBlock) => number): TensorData => indices([blocks.length, 1], blocks.map(of));
  const pads = (of: (block: AttentionBlock) => readonly [rows: number, columns: number]): TensorData =>
    indices(
      [blocks.length, 4],
      blocks.flatMap((block) => [0, 0, ...of(block)]),
    );
  const queryRows = new Array<number>(tokens).fill(0);
  const keyPlaces = Array.from({ length: tokens }, (): number[] => []);
  blocks.forEach((block, n) => {
    for (let t = block.queryStart; t < block.end; t++) queryRows[t] = n * Q + t - block.queryStart;
    let place = n * R;
    for (let t = block.prefixStart; t < block.prefixEnd; t++) keyPlaces[t]?.push(place++);
    for (let t = block.ownStart; t < block.end; t++) keyPlaces[t]?.push(place++);
  });
  const depth = Math.max(...keyPlaces.map((places) => places.length));
  const nothing = R - 1;
  const keyRows = Array.from({ length: depth }, (_, m) => keyPlaces.map((places) => places[m] ?? nothing));
  return {
    [`${prefix}queryStart`]: column((block) => block.queryStart),
    [`${prefix}prefixStart`]: column((block) => block.prefixStart),
    [`${prefix}prefixEnd`]: column((block) => block.prefixEnd),
    [`${prefix}ownStart`]: column((block) => block.ownStart),
    [`${prefix}end`]: column((block) => block.end),
    [`${prefix}queryCount`]: column(queryCount),
    [`${prefix}keyCount`]: column(keyCount),
    [`${prefix}queryPads`]: pads((block) => [Q - queryCount(block), 0]),
    [`${prefix}keyPads`]: pads((block) => [R - keyCount(block), 0]),
    [`${prefix}maskPads`]: pads((block) => [Q - queryCount(block), R - keyCount(block)]),
    [`${prefix}queryRows`]: indices([tokens], queryRows),
    [`${prefix}keyRows`]: indices([depth, tokens], keyRows.flat()),
  };
}

function indices(shape: readonly number[], values: readonly number[]): TensorData {
  return { type: 'i64', shape, data: BigInt64Array.from(values, BigInt) };
}
