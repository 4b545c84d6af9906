import { AlphapoError } from '@alphapo/base';
import {
  type EvaluatedPairs,
  type Objective,
  objectiveToWire,
  type ScoreItem,
  type ScoreRequest,
  type ScoreResponse,
} from '@alphapo/contracts';
import { batchTotals } from '@alphapo/engine';
import { inCalls } from './calls.ts';
import { nonFiniteScore, type WeightsToCheck } from './non-finite.ts';

/** A held-out pair as token ids. */
export interface TokenPair {
  readonly id: string;
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** What the pair counts in the loss; undefined: 1. */
  readonly weight: number | undefined;
}

/** Calls `ScorerService.Score`, wherever there is a scorer. */
export type Score = (request: ScoreRequest) => Promise<ScoreResponse>;

/** Pairs per Score call, at most. */
const CALL_PAIRS = 64;

interface PairOptions {
  readonly objective: Objective;
  readonly policy: ScoreRequest['policy'];
  readonly score: Score;
  /** The weights that are scored with, to name the culprit of a score that is not finite. */
  readonly weights: () => Promise<readonly WeightsToCheck[]>;
}

/** Errors: NON_FINITE_SCORE with the pair: a mean with it would say nothing about the others. */
export async function evaluatePairs(pairs: readonly TokenPair[], options: PairOptions): Promise<EvaluatedPairs> {
  const { objective, policy, score } = options;
  const { batchPairs, batchChosenTokens } = batchTotals(pairs);
  const batch = { pairs: batchPairs, chosenTokens: batchChosenTokens };
  const sums = {
    accuracy: 0,
    loss: 0,
    margin: 0,
    rewardChosen: 0,
    rewardRejected: 0,
    logProbChosen: 0,
    logProbRejected: 0,
  };
  const margins: number[] = [];
  const tokensOf = ({ prompt, chosen, rejected }: TokenPair) => 2 * prompt.length + chosen.length + rejected.length;
  for (const call of inCalls(pairs, CALL_PAIRS, tokensOf)) {
    const items = call.map(pairItem);
    const { results } = await score({ items, policy, batch, perToken: false, objective: objectiveToWire(objective) });
    for (const { id, chosen, rejected, reward } of results) {
      if (chosen === undefined || rejected === undefined || reward === undefined) throw noScore(id);
      const numbers = [chosen.mean, rejected.mean, reward.rewardChosen, reward.rewardRejected, reward.loss];
      if (!numbers.every(Number.isFinite)) throw await nonFiniteScore(id, await options.weights());
      sums.accuracy += reward.margin > 0 ? 1 : 0;
      margins.push(reward.margin);
      sums.loss += reward.loss;
      sums.margin += reward.margin;
      sums.rewardChosen += reward.rewardChosen;
      sums.rewardRejected += reward.rewardRejected;
      sums.logProbChosen += chosen.mean;
      sums.logProbRejected += rejected.mean;
    }
  }
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / pairs.length]));
  return { pairs: pairs.length, ...(means as typeof sums), marginMedian: medianOf(margins) };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle) - 1] as number)) / 2;
}

export const noScore = (id: string) =>
  new AlphapoError('internal', 'NO_SCORE', `the scorer returned no score for ${id}`);

const pairItem = ({ id, prompt, chosen, rejected, weight }: TokenPair): ScoreItem => ({
  id,
  item: {
    $case: 'tokenPair',
    value: {
      ...{ id, prompt: [...prompt], chosen: [...chosen], rejected: [...rejected], weight },
      sourceOffset: 0n,
      truncatedPromptTokens: 0,
      truncatedChosenTokens: 0,
      truncatedRejectedTokens: 0,
    },
  },
});
