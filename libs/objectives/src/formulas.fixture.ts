import {
  type NllAverage,
  needsReference,
  type Objective,
  type ObjectiveKind,
  type ObjectiveOf,
} from '@alphapo/contracts';

/** Every objective once more, in plain float64 by formulas that keep their digits, to compare graphs with. */

/** A response: sum and mean of its log-probabilities, and the sum under the reference. */
export interface Response {
  readonly sum: number;
  readonly mean: number;
  readonly tokens: number;
  readonly reference: number;
}

export interface Pair {
  readonly chosen: Response;
  readonly rejected: Response;
}

/** A pair's loss, its rewards, and the derivatives of the loss by the sums. */
export interface Expected {
  readonly loss: number;
  readonly rewards: readonly [number, number];
  readonly derivatives: readonly [number, number];
}

type Formula = (chosen: Response, rejected: Response, chosenTokensPerPair: number) => Expected;

export function response(mean: number, tokens: number, reference: number): Response {
  const sum = mean * tokens;
  return { sum, mean: sum / tokens, tokens, reference };
}

/** What an objective makes of a pair of a batch that has so many chosen tokens per pair. */
export function expectedOf(objective: Objective, { chosen, rejected }: Pair, chosenTokensPerPair: number): Expected {
  // The table pairs each kind with its fields; TypeScript only has their union here.
  const formula = (FORMULAS[objective.kind] as (of: never) => Formula)(objective as never);
  const compared = needsReference(objective) ? [ratio(chosen), ratio(rejected)] : [chosen, rejected];
  const own = formula(...(compared as [Response, Response]), chosenTokensPerPair);
  const nll = 'nll' in objective ? objective.nll : undefined;
  if (nll === undefined) return own;
  const { loss, slope } = likelihood(nll.average, chosen, chosenTokensPerPair);
  return {
    ...own,
    loss: own.loss + nll.weight * loss,
    derivatives: [own.derivatives[0] + nll.weight * slope, own.derivatives[1]],
  };
}

const FORMULAS: { readonly [K in ObjectiveKind]: (objective: ObjectiveOf<K>) => Formula } = {
  alphapo: (objective) => meanRewards(objective.alpha, objective),
  simpo: (objective) => meanRewards(0, objective),
  dpo: (objective) => summedRewards(objective),
  cpo: (objective) => summedRewards(objective),
  ipo:
    ({ beta, logProb }) =>
    (chosen, rejected) => {
      const distance = chosen[logProb] - rejected[logProb] - 1 / (2 * beta);
      const slope = ({ tokens }: Response) => (2 * distance) / (logProb === 'mean' ? tokens : 1);
      return {
        loss: distance ** 2,
        rewards: [beta * chosen[logProb], beta * rejected[logProb]],
        derivatives: [slope(chosen), -slope(rejected)],
      };
    },
  orpo:
    ({ beta }) =>
    (chosen, rejected) => {
      const odds = ({ mean }: Response) => mean - log1mexp(mean);
      const slope = ({ mean, tokens }: Response) => -1 / Math.expm1(mean) / tokens;
      const pair = bradleyTerry([odds(chosen), odds(rejected)], [slope(chosen), slope(rejected)], {});
      return {
        loss: beta * pair.loss - chosen.mean,
        rewards: [beta * chosen.mean, beta * rejected.mean],
        derivatives: [beta * pair.derivatives[0] - 1 / chosen.tokens, beta * pair.derivatives[1]],
      };
    },
  hinge:
    ({ beta }) =>
    (chosen, rejected) => {
      const rewards = [beta * chosen.sum, beta * rejected.sum] as const;
      const loss = Math.max(0, 1 - (rewards[0] - rewards[1]));
      return { loss, rewards, derivatives: loss > 0 ? [-beta, beta] : [0, 0] };
    },
  sft:
    ({ average }) =>
    (chosen, rejected, chosenTokensPerPair) => {
      const { loss, slope } = likelihood(average, chosen, chosenTokensPerPair);
      return { loss, rewards: [chosen.mean, rejected.mean], derivatives: [slope, 0] };
    },
};

interface Margin {
  readonly gamma?: number;
  readonly labelSmoothing?: number | undefined;
}

function meanRewards(alpha: number, objective: Margin & { readonly beta: number }): Formula {
  const { beta } = objective;
  const reward = ({ mean }: Response) => (alpha === 0 ? beta * mean : (-beta / alpha) * Math.expm1(-alpha * mean));
  const slope = ({ mean, tokens }: Response) => (beta * Math.exp(-alpha * mean)) / tokens;
  return (chosen, rejected) =>
    bradleyTerry([reward(chosen), reward(rejected)], [slope(chosen), slope(rejected)], objective);
}

function summedRewards(objective: Margin & { readonly beta: number }): Formula {
  const { beta } = objective;
  return (chosen, rejected) => bradleyTerry([chosen.sum * beta, rejected.sum * beta], [beta, beta], objective);
}

/** The Bradley-Terry loss of rewards, given their derivatives by the sums. */
function bradleyTerry(
  rewards: readonly [number, number],
  slopes: readonly [number, number],
  { gamma = 0, labelSmoothing: smoothing = 0 }: Margin,
): Expected {
  const z = rewards[0] - rewards[1] - gamma;
  const slope = -(1 - smoothing) * logistic(-z) + smoothing * logistic(z);
  const loss = (1 - smoothing) * softplus(-z) + smoothing * softplus(z);
  return { loss, rewards, derivatives: [slope * slopes[0], -slope * slopes[1]] };
}

function likelihood(average: NllAverage, { sum, tokens }: Response, chosenTokensPerPair: number) {
  const count = average === 'pairs' ? tokens : chosenTokensPerPair;
  return { loss: -sum / count, slope: -1 / count };
}

/** Log-probabilities less those under the reference. */
const ratio = ({ sum, mean, tokens, reference }: Response): Response => ({
  sum: sum - reference,
  mean: mean - reference / tokens,
  tokens,
  reference,
});

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const logistic = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
/** log(1 - exp(l)), by the branch that keeps its digits (M. Maechler, "Accurately computing log(1 - exp(-|a|))", 2012). */
const log1mexp = (l: number) => (l > -Math.LN2 ? Math.log(-Math.expm1(l)) : Math.log1p(-Math.exp(l)));
