import { AlphapoError } from '@alphapo/base';
import {
  averagesOverTokens,
  type GradientRequest,
  type Objective,
  type ScoreRequest,
  weightProblem,
} from '@alphapo/contracts';
import { type BatchTotals, batchTotals, type PairTokens } from '@alphapo/engine';

/** What requests say about the run and the batch that their pairs are a part of. */

/** The batch of a Score request: the one that it names, or its own pairs. */
export function batchOf({ batch }: ScoreRequest, pairs: readonly PairTokens[]): BatchTotals {
  const own = batchTotals(pairs);
  if (batch === undefined) return own;
  if (batch.pairs < own.batchPairs || batch.chosenTokens < own.batchChosenTokens) {
    throw invalid('batch', 'has fewer pairs or chosen tokens than the items');
  }
  return { batchPairs: batch.pairs, batchChosenTokens: batch.chosenTokens };
}

/** Refuses a shard whose batch has fewer tokens than itself, where the loss is averaged over them. */
export function checkBatchTokens(objective: Objective, { pairs, batchChosenTokens }: GradientRequest): void {
  const own = batchTotals(pairs).batchChosenTokens;
  if (!averagesOverTokens(objective) || batchChosenTokens >= own) return;
  throw invalid('batch_chosen_tokens', `${batchChosenTokens} is less than the ${own} chosen tokens of the pairs`);
}

/** Refuses a weight that makes no sense in a mean. */
export function checkWeights({ pairs }: GradientRequest): void {
  for (const [i, { weight }] of pairs.entries()) {
    const problem = weightProblem(weight);
    if (problem !== undefined) throw invalid(`pairs[${i}].weight`, problem);
  }
}

/** Refuses to compare with another model than the run does. */
export function checkReference(wanted: string, found: string): void {
  if (wanted === '' || wanted === found) return;
  throw new AlphapoError(
    'failed-precondition',
    'REFERENCE_MISMATCH',
    `the run's reference model is ${wanted}, this scorer's is ${found}; start optimizer and scorers with the same one`,
  );
}

/** Refuses to compute in another element type than the run does: it decides the bits. */
export function checkDtype(wanted: string, found: string): void {
  if (wanted === '' || wanted === found) return;
  throw new AlphapoError(
    'failed-precondition',
    'DTYPE_MISMATCH',
    `the run's dtype is ${wanted}, this scorer's is ${found}; start it with --dtype ${wanted}`,
  );
}

function invalid(field: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_REQUEST', `${field}: ${problem}`, { metadata: { field } });
}
