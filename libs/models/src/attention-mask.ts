import {
  and,
  concat,
  equal,
  less,
  lessOrEqual,
  or,
  padTo,
  reshape,
  scan,
  sliceRange,
  sub,
  type Value,
  where,
} from '@alphapo/graph';
import type { BlockPlaces, TokenInputs } from './definition.ts';

/** Added to the scores of tokens that are not seen; exp() of it is 0 in every float type. */
const UNSEEN = -1e9;

/**
 * Additive masks of a pack's blocks, padded to one extent: [N, Q, R]. A token sees the earlier tokens of its own row that
 * belong to the prompt or to its own response, and within a sliding window w only positions p with 0 <= own - p < w.
 */
export function attentionMasks(inputs: TokenInputs, places: BlockPlaces, slidingWindow: number | undefined): Value {
  const { positions, rows, branches } = inputs;
  const names = Object.keys(places);
  const { outputs } = scan(positions.graph, [], Object.values(places), (_states, slices) => {
    const own = Object.fromEntries(names.map((name, i) => [name, slices[i]])) as unknown as BlockPlaces;
    const ofQueries = (x: Value) => reshape(sliceRange(x, 0, own.queryStart, own.end, 'B'), ['B', 1]);
    const ofKeys = (x: Value) => {
      const prefix = sliceRange(x, 0, own.prefixStart, own.prefixEnd, 'C1');
      return reshape(concat([prefix, sliceRange(x, 0, own.ownStart, own.end, 'C2')], 0), [1, 'C']);
    };
    const [position, keyPosition, keyBranch] = [ofQueries(positions), ofKeys(positions), ofKeys(branches)];
    const seesBranch = or(equal(keyBranch, 0), equal(ofQueries(branches), keyBranch));
    const causal = lessOrEqual(keyPosition, position);
    let seen = and(and(equal(ofQueries(rows), ofKeys(rows)), causal), seesBranch);
    if (slidingWindow !== undefined) seen = and(seen, less(sub(position, keyPosition), slidingWindow));
    const mask = where(seen, positions.graph.scalar('f32', 0), UNSEEN);
    return { states: [], outputs: [padTo(mask, own.maskPads, ['Q', 'R'])] };
  });
  return outputs[0] as Value;
}
