import { type FloatTensors, floatTensor, seededRandom } from '@alphapo/base';
import { DEFAULT_COMPUTE, type Objective } from '@alphapo/contracts';
import { defaultLoraTargets, freshLora } from '@alphapo/models';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { batchTotals } from './batch-totals.ts';
import type { Engine, PairTokens } from './engine.ts';
import { lossScaleFeed } from './loss-scale.ts';
import { writeTinyModel } from './model.fixture.ts';
import { ModelFolder } from './weights.ts';
import { openEngine } from './worker-engine.ts';

/** Weighted losses and gradients of a whole model: against those of single pairs, and against differences of the loss. */

const OBJECTIVES: readonly Objective[] = [
  { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 },
  { kind: 'simpo', beta: 2.5, gamma: 1, labelSmoothing: 0.1 },
  { kind: 'dpo', beta: 0.1 },
  { kind: 'dpo', beta: 0.1, nll: { weight: 1, average: 'pairs' } },
  { kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'base' },
  { kind: 'ipo', beta: 0.5, logProb: 'sum', reference: 'none' },
  { kind: 'orpo', beta: 0.1 },
  { kind: 'cpo', beta: 0.1, nll: { weight: 1, average: 'tokens' } },
  { kind: 'hinge', beta: 0.02, reference: 'none' },
  { kind: 'sft', average: 'pairs' },
  { kind: 'sft', average: 'tokens' },
];
const named = OBJECTIVES.map((objective) => [JSON.stringify(objective), objective] as const);
const WEIGHTS = [0, 0.3, undefined, 2, 0, 5, 1];
/** Some pairs a pack, so that weights have to follow their pairs into several. */
const COMPUTE = { ...DEFAULT_COMPUTE, packTokens: 48 };
/** Of sums of float32 in another order. */
const FLOAT32_RELATIVE = 2e-4;
/** Step of the central difference along the gradient, in units of its length, and what float32 leaves of such a difference. */
const STEP = 2e-2;
const DIFFERENCE_RELATIVE = 2e-2;

const random = seededRandom(5);
const ids = () => Array.from({ length: 2 + random.below(8) }, () => random.below(61));
const PAIRS: readonly PairTokens[] = WEIGHTS.map(() => ({ prompt: ids(), chosen: ids(), rejected: ids() }));
const WEIGHTED = PAIRS.map((pair, i) => ({ ...pair, weight: WEIGHTS[i] }));

let engine: Engine;
let policy: (digest: string, moved?: FloatTensors, by?: number) => Parameters<Engine['loadPolicy']>[0];
beforeAll(async () => {
  const folder = await writeTinyModel(await temporaryFolder());
  const { definition } = await ModelFolder.open(folder);
  const method = { kind: 'lora', rank: 2, alpha: 4, targets: defaultLoraTargets(definition) } as const;
  // Factors that are not zero: a fresh adapter has no gradient in half of them, and is its own reference.
  const shift = seededRandom(9);
  const start = [...freshLora(definition, method, 3)].map(
    ([name, { shape, data }]) => [name, shape, Array.from(data, (x) => x + 0.3 * (shift.next() - 0.5))] as const,
  );
  policy = (digest, moved, by = 0) => {
    const tensors = start.map(([name, shape, values]) => {
      const direction = moved?.get(name)?.data;
      return [
        name,
        floatTensor(
          shape,
          Float32Array.from(values, (x, i) => x + by * (direction?.[i] ?? 0)),
        ),
      ] as const;
    });
    return { digest, method, tensors: new Map(tensors) };
  };
  engine = await openEngine(folder, { executionProvider: 'cpu', threads: 1 });
  await engine.loadPolicy(policy('start'));
});
afterAll(() => engine[Symbol.asyncDispose]());

function gradientOf(pairs: readonly PairTokens[], objective: Objective, totals = batchTotals(PAIRS)) {
  return engine.gradient({ pairs, ...totals, objective, policyDigest: 'start', compute: COMPUTE });
}

/** All elements of tensors, in float64. */
const flat = (tensors: FloatTensors) => [...tensors.values()].flatMap(({ data }) => [...data]);
const length = (values: readonly number[]) => Math.hypot(...values);
const distance = (a: readonly number[], b: readonly number[]) => length(a.map((x, i) => x - (b[i] as number)));

test.each(named)(
  '%s: a batch is its pairs, each times its weight, over the number of all pairs',
  async (_name, objective) => {
    const { gradient, loss, pairs } = await gradientOf(WEIGHTED, objective);
    let [expectedLoss, expected] = [0, flat(gradient).map(() => 0)];
    for (const [i, pair] of PAIRS.entries()) {
      const alone = await gradientOf([pair], objective);
      const weight = WEIGHTS[i] ?? 1;
      expectedLoss += weight * alone.loss;
      expected = flat(alone.gradient).map((x, k) => (expected[k] as number) + weight * x);
      expect(pairs[i]?.loss).toBeCloseTo(weight * (alone.pairs[0]?.loss as number), 3);
      expect(pairs[i]?.margin).toBeCloseTo(alone.pairs[0]?.margin as number, 3);
    }
    expect(loss / expectedLoss).toBeCloseTo(1, 4);
    expect(distance(flat(gradient), expected) / length(expected)).toBeLessThan(FLOAT32_RELATIVE);
  },
);

test.each(named)('%s: pairs of weight 0 leave nothing but their count', async (_name, objective) => {
  const totals = batchTotals(PAIRS);
  const [all, rest] = [
    await gradientOf(WEIGHTED, objective, totals),
    await gradientOf(
      WEIGHTED.filter(({ weight }) => weight !== 0),
      objective,
      totals,
    ),
  ];
  expect(all.loss / rest.loss).toBeCloseTo(1, 4);
  expect(distance(flat(all.gradient), flat(rest.gradient)) / length(flat(rest.gradient))).toBeLessThan(
    FLOAT32_RELATIVE,
  );
  const none = await gradientOf(
    PAIRS.map((pair) => ({ ...pair, weight: 0 })),
    objective,
  );
  expect(none.loss).toBe(0);
  expect(flat(none.gradient).every((x) => x === 0)).toBe(true);
});

test.each(named)('%s: weights scale loss and gradient; the weight 1 changes no bit', async (_name, objective) => {
  const [plain, ones, twos] = await Promise.all(
    [undefined, 1, 2].map((weight) =>
      gradientOf(
        PAIRS.map((pair) => ({ ...pair, weight })),
        objective,
      ),
    ),
  );
  expect(ones?.loss).toBe(plain?.loss);
  expect(ones?.gradient).toEqual(plain?.gradient);
  expect(twos?.loss).toBe(2 * (plain?.loss as number));
  // A power of two: float32 rounds nowhere else.
  expect(flat(twos?.gradient as FloatTensors)).toEqual(flat(plain?.gradient as FloatTensors).map((x) => 2 * x));
});

test.each(named)('%s: the gradient is the slope of the weighted loss', async (_name, objective) => {
  const { gradient } = await gradientOf(WEIGHTED, objective);
  const norm = length(flat(gradient));
  const lossAt = async (digest: string, by: number) => {
    await engine.loadPolicy(policy(digest, gradient, by / norm));
    const outcomes = await engine.scorePairs(WEIGHTED, { kind: 'policy', digest }, { objective });
    return outcomes.reduce((sum, { loss }) => sum + loss, 0) / PAIRS.length;
  };
  const slope = ((await lossAt(`plus ${_name}`, STEP)) - (await lossAt(`minus ${_name}`, -STEP))) / (2 * STEP);
  expect(Math.abs(slope / norm - 1)).toBeLessThan(DIFFERENCE_RELATIVE);
  await engine.loadPolicy(policy('start'));
});

test.each([
  [[1, 1], 32 * 8],
  [[undefined, undefined], 32 * 8],
  [[0, 4], 32 * 2],
  [[0.25, 0.1], 32 * 32],
  [[0, 0], 2 ** 60 * 256],
  [[1e300, 1], 2 ** -60 * 256],
  [[5e-324], 2 ** 60 * 256],
])('in float16 the scale of the loss grows with the batch and falls with the largest weight: %j', (weights, scale) => {
  const pairs = weights.map((weight) => ({ prompt: [1], chosen: [2], rejected: [3], weight }));
  const style = { precision: 'f16', attention: 'blocks' } as const;
  expect(lossScaleFeed({ batchPairs: 7, pairs }, style).loss_scale?.data[0]).toBe(scale);
});
