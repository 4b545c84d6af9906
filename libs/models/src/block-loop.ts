import { concat, type Graph, reshape, scan, sliceRange, type Value } from '@alphapo/graph';
import type { BlockPlaces } from './definition.ts';

/**
 * Runs over the blocks of a pack, the last one first, with each one's places, its slices of `sequences` [N, …], and what the
 * round before left of `states`; the rounds' outputs come back stacked.
 */
export function overBlocks(
  graph: Graph,
  places: BlockPlaces,
  { states = [], sequences = [] }: { readonly states?: readonly Value[]; readonly sequences?: readonly Value[] },
  body: (places: BlockPlaces, slices: readonly Value[], states: readonly Value[]) => Round,
): readonly Value[] {
  const names = Object.keys(places);
  return scan(graph, states, [...Object.values(places), ...sequences], (left, slices) => {
    const own = Object.fromEntries(names.map((name, i) => [name, slices[i]])) as unknown as BlockPlaces;
    return { states: [], ...body(own, slices.slice(names.length), left) };
  }).outputs;
}

interface Round {
  readonly outputs: readonly Value[];
  readonly states?: readonly Value[];
}

/** The rows of x [T, …] that are a block's queries. */
export function queriesOf(x: Value, { queryStart, end }: BlockPlaces): Value {
  return sliceRange(x, 0, queryStart, end, 'queries');
}

/** The rows of x [T, …] that are a block's keys: the prompt's, then those of the queries' own part. */
export function keysOf(x: Value, { prefixStart, prefixEnd, ownStart, end }: BlockPlaces): Value {
  const parts = [sliceRange(x, 0, prefixStart, prefixEnd, 'prefix'), sliceRange(x, 0, ownStart, end, 'own')];
  return reshape(concat(parts, 0), ['keys', ...x.shape.slice(1)]);
}
