import { averagesOverTokens, needsReference, type Objective } from '@alphapo/contracts';
import { differentiate, div, Graph, mul, reduceSum, type Value } from '@alphapo/graph';
import { applyObjective, type LogProbs } from '@alphapo/objectives';

/** The names of a gradient program's outputs that are not gradients; each is float64 [P], the loss a scalar. */
export const PAIR_OUTPUTS = ['pair_loss', 'reward_chosen', 'reward_rejected'] as const;

/** Rewards and losses from log-probabilities alone: the objective as a graph of its own. */
export function objectiveProgram(objective: Objective): Graph {
  const graph = new Graph();
  const sum = (name: string) => graph.input(`sum_${name}`, 'f64', ['P']);
  const [chosen, rejected] = [sum('chosen'), sum('rejected')];
  const loss = addObjective(graph, objective, { chosen, rejected });
  const total = reduceSum(loss, [0]);
  const sums = [chosen, rejected];
  differentiate(graph, [{ output: total, gradient: graph.constant('f64', [1], [1]) }], sums).forEach(({ dense }, i) => {
    graph.output(i === 0 ? 'gradient_chosen' : 'gradient_rejected', dense ?? mul(sums[i] as Value, 0));
  });
  return graph;
}

/**
 * Adds the objective of summed log-probabilities [P], and the PAIR_OUTPUTS; returns the losses times the weights [P]. Inputs
 * that it makes: the weights, `pair_weights` [P]; the responses' counts of tokens, `tokens_chosen` and `tokens_rejected` [P];
 * the sums under the reference, `reference_chosen` and `reference_rejected` [P], where the objective has one;
 * `chosen_tokens_per_pair` [] where it averages over the tokens of the batch.
 *
 * A weight of 1 multiplies exactly, so pairs without weights have the same bits as in a program without them.
 */
export function addObjective(graph: Graph, objective: Objective, sums: Record<'chosen' | 'rejected', Value>): Value {
  const perPair = (name: string) => graph.input(name, 'f64', ['P']);
  const tokens = { chosen: perPair('tokens_chosen'), rejected: perPair('tokens_rejected') };
  const withMean = (name: 'chosen' | 'rejected', sum: Value): LogProbs => ({ sum, mean: div(sum, tokens[name]) });
  const reference = (name: 'chosen' | 'rejected') => withMean(name, perPair(`reference_${name}`));
  const result = applyObjective(objective, {
    chosen: withMean('chosen', sums.chosen),
    rejected: withMean('rejected', sums.rejected),
    reference: needsReference(objective) ? { chosen: reference('chosen'), rejected: reference('rejected') } : undefined,
    chosenTokensPerPair: averagesOverTokens(objective) ? graph.input('chosen_tokens_per_pair', 'f64', []) : undefined,
  });
  const loss = mul(result.loss, perPair('pair_weights'));
  graph.output('pair_loss', loss);
  graph.output('reward_chosen', result.rewardChosen);
  graph.output('reward_rejected', result.rewardRejected);
  return loss;
}
