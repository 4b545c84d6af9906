import { averagesOverTokens, type Objective } from '@alphapo/contracts';
import type { BatchTotals } from './batch-totals.ts';
import { membership, type Pack } from './pack.ts';
import type { Feeds, TensorData } from './session.ts';

/** Inputs of the objective's part of a program. P pairs. */

/** Summed log-probabilities [P] under the reference. */
export interface ReferenceSums {
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** One float64 per pair. */
export const column = (values: readonly number[]): TensorData => ({
  type: 'f64',
  shape: [values.length],
  data: Float64Array.from(values),
});

const scalar = (value: number): TensorData => ({ type: 'f64', shape: [], data: Float64Array.of(value) });

/** What each pair counts in the loss. */
export const weightFeed = (pairs: readonly { readonly weight?: number | undefined }[]): Feeds => ({
  pair_weights: column(pairs.map(({ weight }) => weight ?? 1)),
});

/** Which of a pack's log-probabilities belong to which response of which pair, and how many. */
export function pairFeeds(pack: Pack): Feeds {
  const counts = (response: 0 | 1) => column(pack.spans.map((spans) => spans[response]?.count ?? 0));
  return {
    members_chosen: membership(pack, 0),
    members_rejected: membership(pack, 1),
    tokens_chosen: counts(0),
    tokens_rejected: counts(1),
  };
}

export const referenceFeeds = ({ chosen, rejected }: ReferenceSums): Feeds => ({
  reference_chosen: column(chosen),
  reference_rejected: column(rejected),
});

/** Inputs of a pair's loss that depend on the whole batch. */
export function batchFeeds(objective: Objective, { batchPairs, batchChosenTokens }: BatchTotals): Feeds {
  return averagesOverTokens(objective) ? { chosen_tokens_per_pair: scalar(batchChosenTokens / batchPairs) } : {};
}

/** What the losses of a batch are divided by. */
export const batchPairsFeed = ({ batchPairs }: BatchTotals): Feeds => ({ batch_pairs: scalar(batchPairs) });
