import type { RunSettings } from '@alphapo/contracts';
import { PreferenceBatch } from '@alphapo/contracts';
import { pairs, recordsOf, smallModel, startRun, topics } from './services-fixture.ts';

/** Pairs with weights, through tokenizer, optimizer and scorer. */

const SETTINGS = { batchSize: 4, steps: 1, shards: 3, maxGradNorm: 1e9 };
/** libs/engine tries all objectives. */
const OBJECTIVES: readonly Partial<RunSettings>[] = [{ objective: 'alphapo' }, { objective: 'cpo' }];

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

/** The first step of a run on four pairs with these weights, in their order. */
async function firstStep(settings: Partial<RunSettings>, weights: readonly (number | undefined)[]) {
  await using run = await startRun(model, { ...SETTINGS, ...settings });
  const records = pairs(weights.length).map((pair, i) => ({ ...pair, weight: weights[i] }));
  await run.train(records);
  const [step] = run.optimizer.steps.steps;
  if (step === undefined) throw new Error('no step was taken');
  const batches = (await recordsOf(run.log, topics.preferenceBatches)).map(({ value }) =>
    PreferenceBatch.decode(value ?? new Uint8Array()),
  );
  return { step, ledger: batches.flatMap((batch) => batch.pairs.map(({ weight }) => weight)) };
}

test('the ledger has the weights that records have', async () => {
  const weights = [0, 0.25, undefined, 3];
  expect((await firstStep({}, weights)).ledger).toEqual(weights);
});

test.each(OBJECTIVES)(
  'the loss of a step with %j counts each pair by its weight, and nothing else does',
  async (settings) => {
    const weights = [0, 0.5, 1, 3];
    const [plain, weighted] = [
      await firstStep(
        settings,
        weights.map(() => undefined),
      ),
      await firstStep(settings, weights),
    ];
    let loss = 0;
    for (const [i, weight] of weights.entries()) {
      const alone = await firstStep(
        settings,
        weights.map((_, other) => (other === i ? 1 : 0)),
      );
      loss += weight * alone.step.loss;
    }
    expect(weighted.step.loss).toBeCloseTo(loss, 6);
    expect(weighted.step.loss).not.toBeCloseTo(plain.step.loss, 3);
    for (const name of ['accuracy', 'margin', 'rewardChosen', 'meanLogProbChosen', 'tokens'] as const) {
      expect(weighted.step[name]).toBe(plain.step[name]);
    }
  },
);

test.each(OBJECTIVES)(
  'with %j, weights of 2 double loss and gradient; weights of 1 change no bit',
  async (settings) => {
    const all = async (weight: number | undefined) => (await firstStep(settings, Array(4).fill(weight))).step;
    const [plain, ones, twos] = [await all(undefined), await all(1), await all(2)];
    expect(ones).toMatchObject({ loss: plain.loss, gradNorm: plain.gradNorm, policyDigest: plain.policyDigest });
    expect(twos.loss).toBe(2 * plain.loss);
    expect(twos.gradNorm / plain.gradNorm).toBeCloseTo(2, 6);
  },
);
