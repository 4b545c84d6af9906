import { AlphapoError } from '@alphapo/base';
import type { PairResult, PreferenceBatch, TrainingStep } from '@alphapo/contracts';

/** What the forward pass says about a batch: means over its pairs, before the update. */
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

/**
 * Throws NON_FINITE_LOSS with the ids of the pairs whose loss is not a finite number: an average over them would hide
 * which pair is broken.
 */
export function batchFacts(batch: PreferenceBatch, results: readonly PairResult[]): BatchFacts {
  const broken = results.filter(({ reward }) => !Number.isFinite(reward?.loss));
  if (broken.length > 0) {
    throw new AlphapoError(
      'failed-precondition',
      'NON_FINITE_LOSS',
      `the loss is not finite for ${broken.map(({ id }) => id).join(', ')}: look at these pairs, lower the learning rate, or take another dtype than float16`,
    );
  }
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
    tokens: batch.pairs.reduce((sum, p) => sum + p.prompt.length + p.chosen.length + p.rejected.length, 0),
  };
}
