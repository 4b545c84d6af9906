import type { Objective } from '@alphapo/contracts';
import { evaluateObjective, type PairSums } from './objective-session.ts';

/** Objectives from log-probabilities all but 0 to far in the tail, against formulas that keep their digits there. */

/** Rounding of float64 in a handful of operations, of a margin in the hundreds. */
const FLOAT64_RELATIVE = 1e-12;
/** Below it float64 has fewer digits. */
const SMALLEST_NORMAL = 2 ** -1022;
const MEANS = [-1e-12, -1e-9, -1e-6, -1e-3, -0.1, -Math.LN2, -1, -10, -37, -100, -800, -1e4];
const [CHOSEN_TOKENS, REJECTED_TOKENS] = [7, 3];

/** A response: sum and mean of its log-probabilities, and the sum under the reference. */
interface Response {
  readonly sum: number;
  readonly mean: number;
  readonly tokens: number;
  readonly reference: number;
}

const response = (mean: number, tokens: number, reference: number): Response => {
  const sum = mean * tokens;
  return { sum, mean: sum / tokens, tokens, reference };
};

/** Each mean with each, the reference far from both, near to one, and near to the other. */
const PAIRS = MEANS.flatMap((chosen) =>
  MEANS.map((rejected, i) => ({
    chosen: response(chosen, CHOSEN_TOKENS, [-5, chosen * CHOSEN_TOKENS * 1.01, -1e4][i % 3] as number),
    rejected: response(rejected, REJECTED_TOKENS, [-1e-9, -5, rejected * REJECTED_TOKENS * 0.99][i % 3] as number),
  })),
);

const sumsOf = (pairs: readonly { chosen: Response; rejected: Response }[], reference: boolean): PairSums => ({
  chosen: pairs.map(({ chosen }) => chosen),
  rejected: pairs.map(({ rejected }) => rejected),
  reference: reference
    ? { chosen: pairs.map((p) => p.chosen.reference), rejected: pairs.map((p) => p.rejected.reference) }
    : undefined,
});

/** A pair's loss, its rewards, and the derivatives of the loss by the sums. */
interface Expected {
  readonly loss: number;
  readonly rewards: readonly [number, number];
  readonly derivatives: readonly [number, number];
}
type Formula = (chosen: Response, rejected: Response) => Expected;

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const logistic = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
/** log(1 - exp(l)), by the branch that keeps its digits (M. Maechler, "Accurately computing log(1 - exp(-|a|))", 2012). */
const log1mexp = (l: number) => (l > -Math.LN2 ? Math.log(-Math.expm1(l)) : Math.log1p(-Math.exp(l)));

/** The Bradley-Terry loss of rewards, given their derivatives by the sums. */
function bradleyTerry(
  rewards: readonly [number, number],
  slopes: readonly [number, number],
  { gamma = 0, smoothing = 0 } = {},
): Expected {
  const z = rewards[0] - rewards[1] - gamma;
  const slope = -(1 - smoothing) * logistic(-z) + smoothing * logistic(z);
  const loss = (1 - smoothing) * softplus(-z) + smoothing * softplus(z);
  return { loss, rewards, derivatives: [slope * slopes[0], -slope * slopes[1]] };
}

const alphapo =
  (alpha: number, beta: number, gamma: number, smoothing = 0): Formula =>
  (chosen, rejected) => {
    const reward = ({ mean }: Response) => (alpha === 0 ? beta * mean : (-beta / alpha) * Math.expm1(-alpha * mean));
    const slope = ({ mean, tokens }: Response) => (beta * Math.exp(-alpha * mean)) / tokens;
    return bradleyTerry([reward(chosen), reward(rejected)], [slope(chosen), slope(rejected)], { gamma, smoothing });
  };

const sums =
  (beta: number, smoothing = 0): Formula =>
  (chosen, rejected) =>
    bradleyTerry([chosen.sum * beta, rejected.sum * beta], [beta, beta], { smoothing });

const ratios =
  (of: Formula): Formula =>
  (chosen, rejected) => {
    const ratio = ({ sum, mean, tokens, reference }: Response): Response => ({
      sum: sum - reference,
      mean: mean - reference / tokens,
      tokens,
      reference,
    });
    return of(ratio(chosen), ratio(rejected));
  };

const ipo =
  (beta: number, logProb: 'mean' | 'sum'): Formula =>
  (chosen, rejected) => {
    const distance = chosen[logProb] - rejected[logProb] - 1 / (2 * beta);
    const slope = ({ tokens }: Response) => (2 * distance) / (logProb === 'mean' ? tokens : 1);
    return {
      loss: distance ** 2,
      rewards: [beta * chosen[logProb], beta * rejected[logProb]],
      derivatives: [slope(chosen), -slope(rejected)],
    };
  };

const hinge =
  (beta: number): Formula =>
  (chosen, rejected) => {
    const rewards = [beta * chosen.sum, beta * rejected.sum] as const;
    const loss = Math.max(0, 1 - (rewards[0] - rewards[1]));
    return { loss, rewards, derivatives: loss > 0 ? [-beta, beta] : [0, 0] };
  };

const orpo =
  (beta: number): Formula =>
  (chosen, rejected) => {
    const odds = ({ mean }: Response) => mean - log1mexp(mean);
    const slope = ({ mean, tokens }: Response) => -1 / Math.expm1(mean) / tokens;
    const pair = bradleyTerry([odds(chosen), odds(rejected)], [slope(chosen), slope(rejected)]);
    return {
      loss: beta * pair.loss - chosen.mean,
      rewards: [beta * chosen.mean, beta * rejected.mean],
      derivatives: [beta * pair.derivatives[0] - 1 / chosen.tokens, beta * pair.derivatives[1]],
    };
  };

/** All chosen responses have the same length, so both averages of a batch give a pair the same share. */
const withNll =
  (of: Formula, weight: number): Formula =>
  (chosen, rejected) => {
    const { loss, rewards, derivatives } = of(chosen, rejected);
    return {
      loss: loss - weight * chosen.mean,
      rewards,
      derivatives: [derivatives[0] - weight / chosen.tokens, derivatives[1]],
    };
  };

const sft: Formula = (chosen, rejected) => ({
  loss: -chosen.mean,
  rewards: [chosen.mean, rejected.mean],
  derivatives: [-1 / chosen.tokens, 0],
});

const cases: readonly [Objective, Formula][] = [
  [{ kind: 'alphapo', alpha: 0.01, beta: 2.5, gamma: 0.25 }, alphapo(0.01, 2.5, 0.25)],
  [{ kind: 'alphapo', alpha: -0.25, beta: 2.5, gamma: 0.25 }, alphapo(-0.25, 2.5, 0.25)],
  [{ kind: 'alphapo', alpha: 0.01, beta: 2.5, gamma: 1, labelSmoothing: 0.1 }, alphapo(0.01, 2.5, 1, 0.1)],
  [{ kind: 'simpo', beta: 2.5, gamma: 1.25 }, alphapo(0, 2.5, 1.25)],
  [{ kind: 'simpo', beta: 2.5, gamma: 1.25, labelSmoothing: 0.4 }, alphapo(0, 2.5, 1.25, 0.4)],
  [{ kind: 'dpo', beta: 0.1 }, ratios(sums(0.1))],
  [{ kind: 'dpo', beta: 0.1, labelSmoothing: 0.1 }, ratios(sums(0.1, 0.1))],
  [{ kind: 'dpo', beta: 0.1, nll: { weight: 1, average: 'pairs' } }, withNll(ratios(sums(0.1)), 1)],
  [{ kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'base' }, ratios(ipo(0.1, 'mean'))],
  [{ kind: 'ipo', beta: 0.1, logProb: 'sum', reference: 'base' }, ratios(ipo(0.1, 'sum'))],
  [{ kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'none' }, ipo(0.1, 'mean')],
  [{ kind: 'ipo', beta: 0.1, logProb: 'sum', reference: 'none' }, ipo(0.1, 'sum')],
  [{ kind: 'orpo', beta: 0.1 }, orpo(0.1)],
  [{ kind: 'cpo', beta: 0.1 }, sums(0.1)],
  [{ kind: 'cpo', beta: 0.1, labelSmoothing: 0.2 }, sums(0.1, 0.2)],
  [{ kind: 'cpo', beta: 0.1, nll: { weight: 0.5, average: 'tokens' } }, withNll(sums(0.1), 0.5)],
  [{ kind: 'hinge', beta: 1, reference: 'none' }, hinge(1)],
  [{ kind: 'hinge', beta: 0.05, reference: 'base' }, ratios(hinge(0.05))],
  [{ kind: 'sft', average: 'pairs' }, sft],
  [{ kind: 'sft', average: 'tokens' }, sft],
];
const named = cases.map(([objective, formula]) => [JSON.stringify(objective), objective, formula] as const);

test.each(named)('%s is exact from -1e-12 to -1e4', async (_name, objective, formula) => {
  const result = await evaluateObjective(objective, sumsOf(PAIRS, usesReference(objective)));
  let worst = 0;
  PAIRS.forEach(({ chosen, rejected }, p) => {
    const { loss, rewards, derivatives } = formula(chosen, rejected);
    const compare = (actual: number | undefined, expected: number) => {
      const difference = Math.abs((actual ?? Number.NaN) - expected) / Math.max(Math.abs(expected), SMALLEST_NORMAL);
      if (!(difference <= worst)) worst = difference;
    };
    compare(result.loss[p], loss);
    compare(result.rewardChosen[p], rewards[0]);
    compare(result.rewardRejected[p], rewards[1]);
    compare(result.gradientChosen[p], derivatives[0]);
    compare(result.gradientRejected[p], derivatives[1]);
  });
  expect(worst).toBeLessThan(FLOAT64_RELATIVE);
});

test.each(named)('%s of pairs with weights is that of each pair times its weight', async (_name, objective) => {
  const sums = sumsOf(PAIRS, usesReference(objective));
  const weights = PAIRS.map((_, i) => [0, 0.3, 1, undefined, 2, 1e3][i % 6]);
  const [plain, weighted] = [
    await evaluateObjective(objective, sums),
    await evaluateObjective(objective, { ...sums, weights }),
  ];
  const times = (values: Float64Array) => values.map((value, i) => value * (weights[i] ?? 1));
  const relative = (found: Float64Array, expected: Float64Array) =>
    Math.max(...found.map((x, i) => Math.abs(x - (expected[i] as number)) / (Math.abs(expected[i] as number) || 1)));
  expect(weighted.loss).toEqual(times(plain.loss));
  for (const gradient of ['gradientChosen', 'gradientRejected'] as const) {
    expect(relative(weighted[gradient], times(plain[gradient]))).toBeLessThan(FLOAT64_RELATIVE);
  }
  expect(weighted.rewardChosen).toEqual(plain.rewardChosen);
  expect(weighted.rewardRejected).toEqual(plain.rewardRejected);
});

test.each(named)('%s of the weight 1 has the bits of no weight', async (_name, objective) => {
  const sums = sumsOf(PAIRS, usesReference(objective));
  const weighted = await evaluateObjective(objective, { ...sums, weights: PAIRS.map(() => 1) });
  expect(weighted).toEqual(await evaluateObjective(objective, sums));
});

test.each(named)('%s is finite where a probability is 1, or beyond by rounding', async (_name, objective) => {
  const ends = [0, 1e-6, 1e-12, -1e-300, -1, -1e4];
  const pairs = ends.flatMap((chosen) =>
    ends.map((rejected) => ({ chosen: response(chosen, 1, 0), rejected: response(rejected, 1, 0) })),
  );
  const result = await evaluateObjective(objective, sumsOf(pairs, usesReference(objective)));
  for (const values of Object.values(result) as Float64Array[]) {
    expect(values).toHaveLength(pairs.length);
    expect(values.every(Number.isFinite)).toBe(true);
  }
});

function usesReference(objective: Objective): boolean {
  return objective.kind === 'dpo' || ('reference' in objective && objective.reference === 'base');
}
