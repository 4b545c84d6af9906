import { needsReference, type Objective, type ObjectiveKind, type ObjectiveOf } from '@alphapo/contracts';
import { evaluateObjective } from '@alphapo/engine';
import fc from 'fast-check';
import { exampleObjectives, examplePairs } from './examples.fixture.ts';
import { type Expected, expectedOf, type Pair, type Response, response } from './formulas.fixture.ts';

/** Rounding of float64 in a handful of operations, of a margin in the hundreds. */
const FLOAT64_RELATIVE = 1e-12;
/** Below it float64 has fewer digits. */
const SMALLEST_NORMAL = 2 ** -1022;

/** What the graph of an objective makes of pairs, pair by pair. */
async function evaluate(objective: Objective, pairs: readonly Pair[]): Promise<Expected[]> {
  const under = (name: 'chosen' | 'rejected') => pairs.map((pair) => pair[name].reference);
  const values = await evaluateObjective(objective, {
    chosen: pairs.map(({ chosen }) => chosen),
    rejected: pairs.map(({ rejected }) => rejected),
    reference: needsReference(objective) ? { chosen: under('chosen'), rejected: under('rejected') } : undefined,
  });
  return pairs.map((_, p) => ({
    loss: values.loss[p] as number,
    rewards: [values.rewardChosen[p] as number, values.rewardRejected[p] as number],
    derivatives: [values.gradientChosen[p] as number, values.gradientRejected[p] as number],
  }));
}

const numbersOf = ({ loss, rewards, derivatives }: Expected) => [loss, ...rewards, ...derivatives];

/** The largest relative difference between what the graph and the formula make of pairs. */
async function worstDifference(objective: Objective, pairs: readonly Pair[]): Promise<number> {
  const chosenTokensPerPair = pairs.reduce((sum, { chosen }) => sum + chosen.tokens, 0) / pairs.length;
  const found = await evaluate(objective, pairs);
  const differences = pairs.flatMap((pair, p) => {
    const expected = numbersOf(expectedOf(objective, pair, chosenTokensPerPair));
    return numbersOf(found[p] as Expected).map(
      (x, i) => Math.abs(x - (expected[i] as number)) / Math.max(Math.abs(expected[i] as number), SMALLEST_NORMAL),
    );
  });
  return Math.max(...differences);
}

const named = exampleObjectives.map((objective) => [JSON.stringify(objective), objective] as const);

test.each(named)('%s is exact from -1e-12 to -1e4', async (_name, objective) => {
  expect(await worstDifference(objective, examplePairs)).toBeLessThan(FLOAT64_RELATIVE);
});

test.each(named)('%s is finite where a probability is 1, or beyond by rounding', async (_name, objective) => {
  const ends = [0, 1e-6, 1e-12, -1e-300, -1, -1e4, -1e100];
  const pairs = ends.flatMap((chosen) =>
    ends.map((rejected) => ({ chosen: response(chosen, 1, 0), rejected: response(rejected, 1, 0) })),
  );
  const found = await evaluate(objective, pairs);
  expect(found.flatMap(numbersOf).filter((x) => !Number.isFinite(x))).toEqual([]);
});

/** Numbers of a few digits: rounding is that of the objective, not of the inputs. */
const between = (least: number, most: number) =>
  fc.integer({ min: 0, max: 1000 }).map((i) => least + ((most - least) * i) / 1000);
const beta = between(0.05, 3);
const gamma = between(0, 2);
const reference = fc.constantFrom('base' as const, 'none' as const);
const average = fc.constantFrom('tokens' as const, 'pairs' as const);
const optional = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((given) => (given === undefined ? {} : { [key]: given }));
const nll = optional('nll', fc.record({ weight: between(0.1, 2), average }));
const labelSmoothing = optional('labelSmoothing', between(0.01, 0.49));
/** Records, and fields that may be absent, as one record. */
const joined = (...parts: fc.Arbitrary<object>[]) => fc.tuple(...parts).map((all) => Object.assign({}, ...all));

/** Any objective of each kind; the type makes the table exhaustive. */
const arbitraries: { readonly [K in ObjectiveKind]: fc.Arbitrary<Omit<ObjectiveOf<K>, 'kind'>> } = {
  alphapo: joined(fc.record({ alpha: between(-1, 1), beta, gamma }), labelSmoothing, nll),
  simpo: joined(fc.record({ beta, gamma }), labelSmoothing, nll),
  dpo: joined(fc.record({ beta }), labelSmoothing, nll),
  ipo: joined(fc.record({ beta, logProb: fc.constantFrom('mean', 'sum'), reference }), nll),
  orpo: joined(fc.record({ beta }), nll),
  cpo: joined(fc.record({ beta }), labelSmoothing, nll),
  hinge: joined(fc.record({ beta, reference }), nll),
  sft: fc.record({ average }),
};
const kinds = Object.entries(arbitraries).map(
  ([kind, fields]) => [kind, fields.map((values) => ({ kind, ...values }) as Objective)] as const,
);

const mean = between(-4, -0.01);
const someResponse = fc
  .tuple(mean, fc.integer({ min: 1, max: 40 }), mean)
  .map(([policy, tokens, base]) => response(policy, tokens, base * tokens));
const somePairs = fc.array(fc.record({ chosen: someResponse, rejected: someResponse }), {
  minLength: 1,
  maxLength: 30,
});

/** A session is made for each. */
const FEW = { numRuns: 8 };

test.each(kinds)('any %s of any batch is its formula', async (_kind, objectives) => {
  await fc.assert(
    fc.asyncProperty(objectives, somePairs, async (objective, pairs) => {
      // Differences of rewards lose digits where they all but cancel.
      expect(await worstDifference(objective, pairs)).toBeLessThan(1e4 * FLOAT64_RELATIVE);
    }),
    FEW,
  );
});

/** In nats of a response. */
const STEP = 1e-5;

/** Pairs as they are, then with either sum a step higher and lower: the batch has the same tokens per pair. */
function steppedPairs(pairs: readonly Pair[]): Pair[] {
  const step = (of: Response, by: number): Response => ({ ...of, sum: of.sum + by, mean: (of.sum + by) / of.tokens });
  return [
    ...pairs,
    ...[STEP, -STEP].flatMap((by) => pairs.map((pair) => ({ ...pair, chosen: step(pair.chosen, by) }))),
    ...[STEP, -STEP].flatMap((by) => pairs.map((pair) => ({ ...pair, rejected: step(pair.rejected, by) }))),
  ];
}

test.each(kinds)('the gradient of any %s agrees with finite differences', async (_kind, objectives) => {
  await fc.assert(
    fc.asyncProperty(objectives, somePairs, async (objective, pairs) => {
      const count = pairs.length;
      const found = await evaluate(objective, steppedPairs(pairs));
      const loss = (place: number) => (found[place] as Expected).loss;
      pairs.forEach((_, p) => {
        const { derivatives, rewards } = found[p] as Expected;
        // The hinge has none at its corner.
        if (objective.kind === 'hinge' && Math.abs(1 - (rewards[0] - rewards[1])) < 1e-3) return;
        derivatives.forEach((derivative, side) => {
          const [above, below] = [(1 + 2 * side) * count + p, (2 + 2 * side) * count + p];
          const difference = (loss(above) - loss(below)) / (2 * STEP);
          expect(Math.abs(derivative - difference)).toBeLessThan(1e-5 * (1 + Math.abs(difference)));
        });
      });
    }),
    FEW,
  );
});

const SIMPO = { kind: 'simpo', beta: 2.5, gamma: 0.5 } as const;
const alphapo = (alpha: number): Objective => ({ ...SIMPO, kind: 'alphapo', alpha });

test('AlphaPO with alpha 0 is SimPO, to the bit', async () => {
  expect(await evaluate(alphapo(0), examplePairs)).toEqual(await evaluate(SIMPO, examplePairs));
});

test.each([1e-3, -1e-3, 1e-6, -1e-6, 1e-9, -1e-9, 1e-15, 1e-300])('AlphaPO joins SimPO at alpha %d', async (alpha) => {
  const pairs = [-1e-6, -0.1, -1, -10].flatMap((chosen) =>
    [-1e-6, -0.5, -10].map((rejected) => ({ chosen: response(chosen, 7, 0), rejected: response(rejected, 3, 0) })),
  );
  const [found, expected] = [await evaluate(alphapo(alpha), pairs), await evaluate(SIMPO, pairs)];
  found.forEach((pair, p) => {
    numbersOf(pair).forEach((x, i) => {
      const simpo = numbersOf(expected[p] as Expected)[i] as number;
      // The reward's next term is alpha l / 2 of it, with l up to 10 nats; the loss has a margin of up to 25 of them.
      expect(Math.abs(x - simpo)).toBeLessThan(300 * Math.abs(alpha) * (1 + Math.abs(simpo)) + 1e-13);
    });
  });
});
