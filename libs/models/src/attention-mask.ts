import { and, equal, less, lessOrEqual, or, padTo, reshape, sub, type Value, where } from '@alphapo/graph';
import { keysOf, overBlocks, queriesOf } from './block-loop.ts';
import type { BlockPlaces, PackInputs } from './definition.ts';

/** Added to the scores of masked tokens; its exp() is 0 in every float type. */
export const UNSEEN = -1e9;

/**
 * Additive masks of a pack's blocks, padded to one extent: [N, Q, R]. Dimensions are named after the window, because extents differ
 * by window, and ONNX Runtime reuses memory of dimensions with equal names.
 */
export function attentionMasks(inputs: PackInputs, places: BlockPlaces, slidingWindow: number | undefined): Value {
  const padded = { queries: `Q${slidingWindow ?? ''}`, keys: `R${slidingWindow ?? ''}` };
  const [masks] = overBlocks(inputs.positions.graph, places, {}, (own) => {
    const mask = maskOf(inputs, slidingWindow, {
      ofQueries: (x) => reshape(queriesOf(x, own), ['queries', 1]),
      ofKeys: (x) => reshape(keysOf(x, own), [1, 'keys']),
    });
    return { outputs: [padTo(mask, own.maskPads, [padded.queries, padded.keys])] };
  });
  return masks as Value;
}

/** Additive mask of a whole pack: [T, T]. */
export function wholeMask(inputs: PackInputs, slidingWindow: number | undefined): Value {
  const T = inputs.positions.shape[0] as string;
  return maskOf(inputs, slidingWindow, { ofQueries: (x) => reshape(x, [T, 1]), ofKeys: (x) => reshape(x, [1, T]) });
}

/**
 * A token sees the earlier tokens of its own row that belong to the prompt or to its own response, and within a sliding
 * window w only positions p with 0 <= own - p < w.
 */
function maskOf(
  { positions, rows, branches }: PackInputs,
  slidingWindow: number | undefined,
  { ofQueries, ofKeys }: { ofQueries(x: Value): Value; ofKeys(x: Value): Value },
): Value {
  const [position, keyPosition, keyBranch] = [ofQueries(positions), ofKeys(positions), ofKeys(branches)];
  const seesBranch = or(equal(keyBranch, 0), equal(ofQueries(branches), keyBranch));
  const causal = lessOrEqual(keyPosition, position);
  let seen = and(and(equal(ofQueries(rows), ofKeys(rows)), causal), seesBranch);
  if (slidingWindow !== undefined) seen = and(seen, less(sub(position, keyPosition), slidingWindow));
  return where(seen, positions.graph.scalar('f32', 0), UNSEEN);
}
