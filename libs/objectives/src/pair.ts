import { AlphapoError } from '@alphapo/base';
import { sub, type Value } from '@alphapo/graph';

/** Log-probabilities of one response of each of P pairs, in nats; float64 [P]. */
export interface LogProbs {
  /** Over the response's tokens. */
  readonly sum: Value;
  readonly mean: Value;
}

/** Log-probabilities of the responses of P pairs. */
export interface PairLogProbs {
  readonly chosen: LogProbs;
  readonly rejected: LogProbs;
  /** Under the reference, for objectives that have one. */
  readonly reference: { readonly chosen: LogProbs; readonly rejected: LogProbs } | undefined;
  /** Chosen tokens of the whole batch divided by its pairs, float64 []; for objectives that average over those tokens. */
  readonly chosenTokensPerPair: Value | undefined;
}

/** What an objective makes of P pairs; every value is float64 [P]. */
export interface PairObjective {
  /** The loss of each pair; a batch's loss is their mean. */
  readonly loss: Value;
  readonly rewardChosen: Value;
  readonly rewardRejected: Value;
}

/** log(pi / pi_ref) of both responses; with the reference `none`, log pi. */
export function logRatios(
  reference: 'base' | 'none',
  logProbs: PairLogProbs,
): { readonly chosen: LogProbs; readonly rejected: LogProbs } {
  if (reference === 'none') return logProbs;
  const under = logProbs.reference ?? missing('log-probabilities under the reference');
  const ratio = (policy: LogProbs, base: LogProbs): LogProbs => ({
    sum: sub(policy.sum, base.sum),
    mean: sub(policy.mean, base.mean),
  });
  return { chosen: ratio(logProbs.chosen, under.chosen), rejected: ratio(logProbs.rejected, under.rejected) };
}

/** What the objective was not given. */
export function missing(what: string): never {
  throw new AlphapoError('internal', 'OBJECTIVE_INPUT_MISSING', `the objective needs ${what}`);
}
