import type { PairResult, PreferenceBatch, TrainingStep } from '@alphapo/contracts';
import { tokensOf } from './shards.ts';

/** What the forward pass says about a batch: means over its pairs, before the update. The loss counts pairs by their weights. */
export type BatchFacts = Pick<
  TrainingStep,
  | 'pairIds'
  | 'loss'
  | 'accuracy'
  | 'rewardChosen'
  | 'rewardRejected'
  | 'margin'
  | 'meanLogProbChosen'
  | 'meanLogProbRejected'
  | 'tokens'
>;

/** Means over the pairs of a batch. Where a pair's number is not finite, neither is the mean: it would hide which pair is broken. */
export function batchFacts(batch: PreferenceBatch, results: readonly PairResult[]): BatchFacts {
  const mean = (of: (result: PairResult) => number | undefined) =>
    results.reduce((sum, result) => sum + (of(result) ?? Number.NaN), 0) / results.length;
  return {
    pairIds: batch.pairs.map(({ id }) => id),
    loss: mean(({ reward }) => reward?.loss),
    accuracy: mean(({ reward }) => ((reward?.margin ?? 0) > 0 ? 1 : 0)),
    rewardChosen: mean(({ reward }) => reward?.rewardChosen),
    rewardRejected: mean(({ reward }) => reward?.rewardRejected),
    margin: mean(({ reward }) => reward?.margin),
    meanLogProbChosen: mean(({ chosen }) => chosen?.mean),
    meanLogProbRejected: mean(({ rejected }) => rejected?.mean),
    tokens: tokensOf(batch.pairs),
  };
}
