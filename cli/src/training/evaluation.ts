import { AlphapoError } from '@alphapo/base';
import {
  type BatchTotals,
  type Objective,
  objectiveToWire,
  type ScoreRequest,
  ScorerServiceDefinition,
} from '@alphapo/contracts';
import { batchTotals } from '@alphapo/engine';
import { connect } from '@alphapo/rpc';
import type { DataPair } from './dataset.ts';
import { nonFiniteScore, type WeightsToCheck } from './non-finite.ts';

/**
 * How a policy does on pairs; means over the pairs. The loss counts each pair by its weight, the other numbers count each
 * once. Log-probabilities are means over response tokens, in nats.
 */
export interface Evaluation {
  readonly pairs: number;
  /** Share of pairs whose chosen response has the higher reward. */
  readonly accuracy: number;
  readonly loss: number;
  readonly margin: number;
  /** Median of the margins, which outliers do not move; absent in evaluations of earlier releases. */
  readonly marginMedian?: number | undefined;
  readonly rewardChosen: number;
  readonly rewardRejected: number;
  readonly logProbChosen: number;
  readonly logProbRejected: number;
}

/** Pairs per Score call. */
const CALL_PAIRS = 64;
const CALL_TIMEOUT_MS = 30 * 60_000;

interface EvaluationOptions {
  readonly objective: Objective;
  readonly policy: 'base' | 'latest';
  readonly signal?: AbortSignal;
  /** The weights that are scored with, to name the culprit of a score that is not finite. */
  readonly weights: () => Promise<readonly WeightsToCheck[]>;
}

/**
 * Scores pairs through a running scorer under its latest policy or the base model. Errors: NON_FINITE_SCORE with the pair: a mean
 * with it would say nothing about the others.
 */
export async function evaluate(
  scorerAddress: string,
  pairs: readonly DataPair[],
  options: EvaluationOptions,
): Promise<Evaluation> {
  using connection = connect(ScorerServiceDefinition, scorerAddress);
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
  for (let start = 0; start < pairs.length; start += CALL_PAIRS) {
    const request = scoreRequest(pairs.slice(start, start + CALL_PAIRS), { ...options, batch });
    const settings = { timeoutMs: CALL_TIMEOUT_MS, signal: options.signal };
    const { results } = await connection.score(request, settings);
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

const noScore = (id: string) => new AlphapoError('internal', 'NO_SCORE', `the scorer returned no score for ${id}`);

/** A request for pairs of token ids, a part of all that are evaluated. */
function scoreRequest(
  pairs: readonly DataPair[],
  options: {
    readonly objective: Objective | undefined;
    readonly policy: 'base' | 'latest';
    readonly batch: BatchTotals;
    readonly perToken?: boolean;
  },
): ScoreRequest {
  return {
    items: pairs.map(({ id, prompt, chosen, rejected, weight }) => ({
      id,
      item: {
        $case: 'tokenPair',
        value: {
          id,
          prompt: [...prompt],
          chosen: [...chosen],
          rejected: [...rejected],
          weight,
          sourceOffset: 0n,
          truncatedPromptTokens: 0,
          truncatedChosenTokens: 0,
          truncatedRejectedTokens: 0,
        },
      },
    })),
    policy: { $case: options.policy, value: {} },
    perToken: options.perToken ?? false,
    objective: options.objective && objectiveToWire(options.objective),
    batch: options.batch,
  };
}
