import type { NllAverage } from '@alphapo/contracts';
import { div, neg, type Value } from '@alphapo/graph';
import { missing, type PairLogProbs } from './pair.ts';

/**
 * Each pair's share, float64 [P], of the negative log-likelihood of a batch's chosen responses: the mean of the shares over
 * the P pairs of the batch is that number. With S the sum over a response's n tokens:
 *
 *     pairs   -S / n                  the batch has the mean of its pairs' means
 *     tokens  -S / (N / P)            N chosen tokens in the batch: it has -(sum of all S) / N
 *
 * N and P are those of the whole batch wherever this is a shard of it.
 */
export function negativeLogLikelihood(average: NllAverage, { chosen, chosenTokensPerPair }: PairLogProbs): Value {
  if (average === 'pairs') return neg(chosen.mean);
  return neg(div(chosen.sum, chosenTokensPerPair ?? missing("the batch's chosen tokens")));
}
