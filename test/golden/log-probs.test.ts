import { type Engine, openEngine, type PairOutcome } from '@alphapo/engine';
import { describeShared, sharedPath } from '../shared-data.ts';
import {
  FAMILIES,
  type Golden,
  LORA_FAMILIES,
  modelPath,
  modelWithOldSpelling,
  readGolden,
  readJson,
} from './golden-files.ts';
import { CPU, load, startOf } from './policies.ts';

function expectLogProbs(outcomes: readonly PairOutcome[], golden: Golden): void {
  const { token_logprob_abs: token, mean_logprob_abs: mean = token } = golden.tolerance;
  expect(outcomes).toHaveLength(golden.pairs.length);
  for (const [i, outcome] of outcomes.entries()) {
    for (const side of ['chosen', 'rejected'] as const) {
      const expected = golden.logprobs.float64[i]?.[side];
      const actual = outcome[side];
      expect(actual.tokens).toBe(expected?.response.length);
      expected?.response.forEach((logProb, t) => {
        expect(Math.abs((actual.logProbs[t] as number) - logProb)).toBeLessThanOrEqual(token.suggested);
      });
      expect(Math.abs(actual.mean - (expected?.mean ?? Number.NaN))).toBeLessThanOrEqual(mean.suggested);
      expect(actual.sum).toBeCloseTo(actual.mean * actual.tokens, 9);
    }
  }
}

const scorePairs = (engine: Engine, golden: Golden) => engine.scorePairs(golden.pairs, { kind: 'base' });

describeShared('golden/models', () => {
  test.each(FAMILIES)('%s gives every response token the log-probability of the reference', async (family) => {
    const golden = await readGolden(family);
    await using engine = await openEngine(modelPath(family), CPU);
    expectLogProbs(await scorePairs(engine, golden), golden);
  });

  test.each(FAMILIES)('%s means the same in the spelling of transformers 4', async (family) => {
    const golden = await readGolden(family);
    await using engine = await openEngine(await modelWithOldSpelling(family), CPU);
    expectLogProbs(await scorePairs(engine, golden), golden);
  });

  test.each(LORA_FAMILIES)('%s with its adapter gives the log-probabilities of PEFT', async (family) => {
    const golden = await readGolden(family, 'lora');
    await using engine = await openEngine(modelPath(family), CPU);
    await load(engine, 'adapter', await startOf(modelPath(family), 'lora'));
    expectLogProbs(await engine.scorePairs(golden.pairs, { kind: 'policy', digest: 'adapter' }), golden);
  });
});

describeShared('data/models/stories260K/hf', () => {
  test('the real small Llama gives the log-probabilities of the reference', async () => {
    const golden = await readJson<Golden>('stories260K', 'golden.json');
    await using engine = await openEngine(sharedPath('data/models/stories260K/hf') as string, CPU);
    expectLogProbs(await scorePairs(engine, golden), golden);
  });
});
