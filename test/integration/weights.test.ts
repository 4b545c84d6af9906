import { objectiveToWire, PreferenceBatch, type RunSettings, ScorerServiceDefinition } from '@alphapo/contracts';
import { batchTotals } from '@alphapo/engine';
import { connect } from '@alphapo/rpc';
import { CALL, pairs, recordsOf, smallModel, startRun, topics } from './services.fixture.ts';

/** Pairs with weights, through tokenizer, ledger, optimizer and scorer. libs/engine tries all objectives. */

const RUNS_MS = 300_000;
/** Its loss averages over the chosen tokens of the batch, and over its pairs. */
const SETTINGS: Partial<RunSettings> = { objective: 'cpo', batchSize: 4, steps: 1, shards: 3 };

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

/** The first step of a run on four pairs with these weights, the pairs in the ledger, and their losses by themselves. */
async function firstStep(weights: readonly (number | undefined)[]) {
  await using run = await startRun(model, SETTINGS);
  await run.train(pairs(weights.length).map((pair, i) => ({ ...pair, weight: weights[i] })));
  const [step] = run.optimizer.steps.steps;
  if (step === undefined) throw new Error('no step was taken');
  const batches = (await recordsOf(run.log, topics.preferenceBatches)).map(({ value }) =>
    PreferenceBatch.decode(value ?? new Uint8Array()),
  );
  const ledger = batches.flatMap((batch) => batch.pairs);
  using scorer = connect(ScorerServiceDefinition, run.scorer.address);
  const totals = batchTotals(ledger);
  const { results } = await scorer.score(
    {
      items: ledger.map((pair) => ({
        id: pair.id,
        item: { $case: 'tokenPair' as const, value: { ...pair, weight: undefined } },
      })),
      policy: { $case: 'base', value: {} },
      perToken: false,
      objective: objectiveToWire(run.optimizer.trainer.run.specification.objective),
      batch: { pairs: totals.batchPairs, chosenTokens: totals.batchChosenTokens },
    },
    CALL,
  );
  return { step, ledger, losses: results.map(({ reward }) => reward?.loss as number) };
}

test(
  'a step counts each pair by its weight, which the ledger keeps; all but the loss counts each once',
  async () => {
    const weights = [0.25, 0.5, undefined, 3];
    const [plain, weighted] = [await firstStep([undefined, undefined, undefined, undefined]), await firstStep(weights)];
    expect(weighted.ledger.map(({ weight }) => weight)).toEqual(weights);
    const expected = plain.losses.reduce((sum, loss, i) => sum + (weights[i] ?? 1) * loss, 0) / weights.length;
    expect(weighted.step.loss / expected).toBeCloseTo(1, 5);
    expect(plain.step.loss / expected).not.toBeCloseTo(1, 2);
    for (const name of ['accuracy', 'margin', 'rewardChosen', 'meanLogProbChosen', 'tokens'] as const) {
      expect(weighted.step[name]).toBe(plain.step[name]);
    }
    expect(weighted.step.gradNorm).not.toBeCloseTo(plain.step.gradNorm, 2);
    const ones = await firstStep([1, 1, 1, 1]);
    for (const name of ['loss', 'gradNorm', 'policyDigest'] as const) expect(ones.step[name]).toBe(plain.step[name]);
  },
  RUNS_MS,
);
