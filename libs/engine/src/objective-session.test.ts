import { needsReference, type Objective } from '@alphapo/contracts';
import { exampleObjectives, examplePairs } from '../../objectives/src/examples.fixture.ts';
import { evaluateObjective, type PairSums } from './objective-session.ts';

/** Weights of pairs, under every objective; the objectives' own formulas are tested beside them. */

/** Rounding of float64 in a handful of operations. */
const FLOAT64_RELATIVE = 1e-12;

const sumsOf = (objective: Objective): PairSums => {
  const under = (name: 'chosen' | 'rejected') => examplePairs.map((pair) => pair[name].reference);
  return {
    chosen: examplePairs.map(({ chosen }) => chosen),
    rejected: examplePairs.map(({ rejected }) => rejected),
    reference: needsReference(objective) ? { chosen: under('chosen'), rejected: under('rejected') } : undefined,
  };
};

const named = exampleObjectives.map((objective) => [JSON.stringify(objective), objective] as const);

test.each(named)('%s of pairs with weights is that of each pair times its weight', async (_name, objective) => {
  const sums = sumsOf(objective);
  const weights = examplePairs.map((_, i) => [0, 0.3, 1, undefined, 2, 1e3][i % 6]);
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
  const sums = sumsOf(objective);
  const weighted = await evaluateObjective(objective, { ...sums, weights: examplePairs.map(() => 1) });
  expect(weighted).toEqual(await evaluateObjective(objective, sums));
});
