import type { PairResult, SequenceScore } from '@alphapo/contracts';
import type { PairOutcome, SequenceLogProbs } from '@alphapo/engine';

/** What the engine computed, as messages. */

export function sequenceScore({ sum, mean, tokens, logProbs }: SequenceLogProbs, perToken: boolean): SequenceScore {
  return { sum, mean, tokens, logProbs: perToken ? [...logProbs] : [] };
}

export function pairResult(
  { id, weight }: { readonly id: string; readonly weight?: number | undefined },
  outcome: PairOutcome,
  options: { perToken: boolean; reward: boolean },
): PairResult {
  const { chosen, rejected, rewardChosen, rewardRejected, margin, loss } = outcome;
  return {
    id,
    chosen: sequenceScore(chosen, options.perToken),
    rejected: sequenceScore(rejected, options.perToken),
    reward: options.reward ? { rewardChosen, rewardRejected, margin, loss } : undefined,
    weight,
  };
}
