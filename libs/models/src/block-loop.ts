import { concat, type Graph, reshape, scan, sliceRange, type Value } from '@alphapo/graph';
import type { BlockPlaces } from './definition.ts';

/** Runs over the blocks of a pack with each one's places and its slices of `sequences` [N, …]; results come back stacked. */
export function overBlocks(
  graph: Graph,
  places: BlockPlaces,
  sequences: readonly Value[],
  body: (places: BlockPlaces, slices: readonly Value[]) => readonly Value[],
): readonly Value[] {
  const names = Object.keys(places);
  return scan(graph, [], [...Object.values(places), ...sequences], (_states, slices) => {
    const own = Object.fromEntries(names.map((name, i) => [name, slices[i]])) as unknown as BlockPlaces;
    return { states: [], outputs: body(own, slices.slice(names.length)) };
  }).outputs;
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
