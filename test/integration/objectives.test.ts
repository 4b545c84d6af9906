import { type RunSettings, ScorerServiceDefinition, type SequenceScore } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { CALL, pairs, smallModel, startRun } from './services.fixture.ts';

/** Runs with each objective, through tokenizer, optimizer and scorer. */

const PAIRS = pairs(16);
const SETTINGS = { batchSize: 8, steps: 2, shards: 3 };

interface Scored {
  readonly chosen: SequenceScore;
  readonly rejected: SequenceScore;
}

/** Log-probabilities of pairs under the model before any training. */
async function scoresBefore(model: string, records: typeof PAIRS): Promise<Scored[]> {
  await using run = await startRun(model);
  using scorer = connect(ScorerServiceDefinition, run.scorer.address);
  const items = records.map(({ id, prompt, chosen, rejected }) => ({
    id,
    item: {
      $case: 'textPair' as const,
      value: { prompt: { $case: 'text' as const, value: prompt }, chosen, rejected },
    },
  }));
  const request = { items, policy: undefined, perToken: false, objective: undefined, batch: undefined };
  return (await scorer.score(request, CALL)).results as Scored[];
}

let model: string;
let firstBatch: readonly Scored[];
beforeAll(async () => {
  model = await smallModel();
  firstBatch = await scoresBefore(model, PAIRS.slice(0, SETTINGS.batchSize));
});

const sum = (of: (pair: Scored) => number) => firstBatch.reduce((total, pair) => total + of(pair), 0);
const mean = (of: (pair: Scored) => number) => sum(of) / firstBatch.length;
const softplus = (x: number) => Math.log1p(Math.exp(x));
const nllOverTokens = () => -sum(({ chosen }) => chosen.sum) / sum(({ chosen }) => chosen.tokens);
const nllOverPairs = () => mean(({ chosen }) => -chosen.mean);
const cpo = () => mean(({ chosen, rejected }) => softplus(-0.1 * (chosen.sum - rejected.sum)));
const logOdds = ({ mean: l }: SequenceScore) => l - Math.log(1 - Math.exp(l));

/** A fresh adapter changes nothing: the policy of the first step is its own reference. */
test.each<[Partial<RunSettings>, () => number]>([
  [{ objective: 'dpo' }, () => Math.LN2],
  [{ objective: 'dpo', nllWeight: 1, nllAverage: 'pairs' }, () => Math.LN2 + nllOverPairs()],
  [{ objective: 'ipo' }, () => 25],
  [{ objective: 'ipo', logProb: 'sum', beta: 0.5 }, () => 1],
  [
    { objective: 'ipo', reference: 'none' },
    () => mean(({ chosen, rejected }) => (chosen.mean - rejected.mean - 5) ** 2),
  ],
  [{ objective: 'hinge', reference: 'base' }, () => 1],
  [
    { objective: 'hinge', beta: 0.1 },
    () => mean(({ chosen, rejected }) => Math.max(0, 1 - 0.1 * (chosen.sum - rejected.sum))),
  ],
  [
    { objective: 'orpo' },
    () => mean(({ chosen, rejected }) => -chosen.mean + 0.1 * softplus(logOdds(rejected) - logOdds(chosen))),
  ],
  [{ objective: 'cpo' }, () => cpo() + nllOverTokens()],
  [{ objective: 'cpo', nllWeight: 0.5, nllAverage: 'pairs' }, () => cpo() + nllOverPairs() / 2],
  [{ objective: 'sft' }, nllOverPairs],
  [{ objective: 'sft', nllAverage: 'tokens' }, nllOverTokens],
  [
    { objective: 'simpo', labelSmoothing: 0.1, nllWeight: 2 },
    () =>
      2 * nllOverTokens() +
      mean(({ chosen, rejected }) => {
        const z = 2.5 * (chosen.mean - rejected.mean) - 1.25;
        return 0.9 * softplus(-z) + 0.1 * softplus(z);
      }),
  ],
])('a run with %j reports the loss of its batch, and learns', async (settings, firstLoss) => {
  await using run = await startRun(model, { ...SETTINGS, ...settings });
  await run.train(PAIRS);
  const [first, second] = run.optimizer.steps.steps;
  expect(first?.loss).toBeCloseTo(firstLoss(), 5);
  expect(first?.gradNorm).toBeGreaterThan(0);
  expect(second?.step).toBe(2);
});

test('shards of any number make the same step where the loss averages over the tokens of the batch', async () => {
  const steps = [];
  for (const shards of [1, 2, 8]) {
    await using run = await startRun(model, { ...SETTINGS, objective: 'cpo', shards });
    await run.train(PAIRS);
    steps.push(run.optimizer.steps.steps[0]);
  }
  for (const step of steps) {
    expect(step?.loss).toBeCloseTo(steps[0]?.loss as number, 6);
    expect((step?.gradNorm as number) / (steps[0]?.gradNorm as number)).toBeCloseTo(1, 5);
  }
});
