import { seededRandom } from '@alphapo/base';
import { policyDigest } from '@alphapo/checkpoints';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { batchTotals, type Engine, openEngine, type PairTokens } from '@alphapo/engine';
import { describeShared } from '../support/shared-data.ts';
import { CASES, modelPath, readGolden, storiesPath, type Trained } from './golden-files.ts';
import { load, startOf } from './policies.ts';

const OBJECTIVE = { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 } as const;

async function openWithPolicy(model: string, trained: Trained, threads: number): Promise<Engine> {
  const engine = await openEngine(model, { executionProvider: 'cpu', threads });
  await load(engine, 'start', await startOf(model, trained));
  return engine;
}

/** A digest of the bits of a gradient, and of the log-probabilities that it was computed with. */
async function bitsOf(engine: Engine, pairs: readonly PairTokens[], batch = pairs): Promise<string> {
  const result = await engine.gradient({
    pairs,
    ...batchTotals(batch),
    objective: OBJECTIVE,
    policyDigest: 'start',
    compute: DEFAULT_COMPUTE,
  });
  const sums = result.pairs.map(({ chosen, rejected, loss }) => [chosen.sum, rejected.sum, loss]);
  return `${await policyDigest(result.gradient)} ${JSON.stringify(sums)}`;
}

/** Pairs of random tokens, long enough that ONNX Runtime spreads the work over threads. */
function randomPairs(count: number): PairTokens[] {
  const random = seededRandom(9);
  const ids = () => Array.from({ length: 20 + random.below(60) }, () => random.below(512));
  return Array.from({ length: count }, () => ({ prompt: ids(), chosen: ids(), rejected: ids() }));
}

describeShared('golden/models', () => {
  test.each(CASES)('%s (%s) gives the same bits again, and on 1 thread as on 2', async (family, trained) => {
    const { pairs } = await readGolden(family, trained);
    await using one = await openWithPolicy(modelPath(family), trained, 1);
    await using two = await openWithPolicy(modelPath(family), trained, 2);
    const bits = await bitsOf(one, pairs);
    expect(await bitsOf(one, pairs)).toBe(bits);
    expect(await bitsOf(two, pairs)).toBe(bits);
  });
});

describeShared('data/models/stories260K', () => {
  test('shards have the same bits, whichever engine computes them and after whatever', async () => {
    const pairs = randomPairs(12);
    const shards = [pairs.slice(0, 4), pairs.slice(4, 8), pairs.slice(8)];
    const compute = async (engine: Engine, shard: number) => await bitsOf(engine, shards[shard] ?? [], pairs);
    await using first = await openWithPolicy(storiesPath(), 'full', 2);
    await using second = await openWithPolicy(storiesPath(), 'full', 2);
    const alone = [await compute(first, 0), await compute(first, 1), await compute(first, 2)];
    const [third, head] = await Promise.all([compute(second, 2), compute(first, 0)]);
    expect([head, await compute(second, 1), third]).toEqual(alone);
  });

  test('1 and 2 threads give the same bits', async () => {
    const pairs = randomPairs(12);
    await using one = await openWithPolicy(storiesPath(), 'full', 1);
    await using two = await openWithPolicy(storiesPath(), 'full', 2);
    expect(await bitsOf(two, pairs)).toBe(await bitsOf(one, pairs));
  });
});
