import type { Value } from '@alphapo/graph';

/** Log-probabilities of the responses of P pairs, in nats; every value is float64 [P]. */
export interface PairLogProbs {
  /** Sums over response tokens under the policy. */
  readonly sumChosen: Value;
  readonly sumRejected: Value;
  /** Means over response tokens under the policy. */
  readonly meanChosen: Value;
  readonly meanRejected: Value;
  /** Sums under the reference, for objectives that have one. */
  readonly reference: { readonly sumChosen: Value; readonly sumRejected: Value } | undefined;
}

/** What an objective makes of P pairs; every value is float64 [P]. */
export interface PairObjective {
  /** The loss of each pair; a batch's loss is their mean. */
  readonly loss: Value;
  readonly rewardChosen: Value;
  readonly rewardRejected: Value;
}
