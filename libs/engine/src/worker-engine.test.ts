import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '@alphapo/base';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { defaultLoraTargets, freshLora } from '@alphapo/models';
import { temporaryFolder } from '../../../test/temporary-folder.ts';
import { batchTotals } from './batch-totals.ts';
import type { PairTokens } from './engine.ts';
import { writeTinyModel } from './model-fixture.ts';
import { ModelFolder } from './weights.ts';
import { openEngine } from './worker-engine.ts';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const SFT = { kind: 'sft', average: 'pairs' } as const;

function randomPairs(count: number, length: number): PairTokens[] {
  const random = seededRandom(2);
  const ids = () => Array.from({ length: 1 + random.below(length) }, () => random.below(61));
  return Array.from({ length: count }, () => ({ prompt: ids(), chosen: ids(), rejected: ids() }));
}

async function tinyEngine() {
  const folder = await writeTinyModel(await temporaryFolder());
  const { definition } = await ModelFolder.open(folder);
  const method = { kind: 'lora', rank: 2, alpha: 4, targets: defaultLoraTargets(definition) } as const;
  const policy = (digest: string) => ({ digest, method, tensors: freshLora(definition, method, 3) });
  return { engine: await openEngine(folder, CPU), policy };
}

test('pairs packed together score as each does by itself', async () => {
  const { engine } = await tinyEngine();
  await using _ = engine;
  const pairs = randomPairs(20, 30);
  const together = await engine.scorePairs(pairs, { kind: 'base' });
  for (const [i, pair] of pairs.entries()) {
    const [alone] = await engine.scorePairs([pair], { kind: 'base' });
    const [sequence] = await engine.score([{ prompt: pair.prompt, response: pair.rejected }], { kind: 'base' });
    expect(together[i]?.chosen.sum).toBeCloseTo(alone?.chosen.sum as number, 4);
    expect(together[i]?.rejected.sum).toBeCloseTo(sequence?.sum as number, 4);
  }
});

test('a fresh adapter changes no score', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const pairs = randomPairs(4, 10);
  const base = await engine.scorePairs(pairs, { kind: 'base' });
  const adapted = await engine.scorePairs(pairs, { kind: 'policy', digest: 'a' });
  expect(adapted.map(({ chosen }) => chosen.sum)).toEqual(base.map(({ chosen }) => chosen.sum));
});

test('the event loop stays free while the engine computes', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  const long = randomPairs(400, 60);
  const result = await engine.gradient({
    pairs: long,
    ...batchTotals(long),
    objective: SFT,
    policyDigest: 'a',
    compute: DEFAULT_COMPUTE,
  });
  clearInterval(timer);
  expect(result.computeMs).toBeGreaterThan(200);
  expect(longest).toBeLessThan(result.computeMs / 2);
});

test('an aborted computation stops, and the next one runs', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const abort = new AbortController();
  const pairs = randomPairs(2000, 60);
  const request = { pairs, ...batchTotals(pairs), objective: SFT, policyDigest: 'a', compute: DEFAULT_COMPUTE };
  const started = performance.now();
  const long = engine.gradient(request, { signal: abort.signal });
  setTimeout(() => abort.abort(), 100);
  await expect(long).rejects.toMatchObject({ reason: 'CANCELLED' });
  expect(performance.now() - started).toBeLessThan(1500);
  await expect(engine.scorePairs(randomPairs(1, 5), { kind: 'base' })).resolves.toHaveLength(1);
});

test('only a few policies are kept, the last ones used', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  for (const digest of ['a', 'b', 'c', 'd']) await engine.loadPolicy(policy(digest));
  await engine.scorePairs(randomPairs(1, 5), { kind: 'policy', digest: 'a' });
  await engine.loadPolicy(policy('e'));
  expect(['a', 'b', 'c', 'd', 'e'].filter((digest) => engine.hasPolicy(digest))).toEqual(['a', 'c', 'd', 'e']);
});

test.each<[string, Partial<PairTokens>]>([
  ['EMPTY_PROMPT', { prompt: [] }],
  ['EMPTY_RESPONSE', { rejected: [] }],
  ['UNKNOWN_TOKEN', { chosen: [61] }],
  ['TOO_LONG', { chosen: Array.from({ length: 256 }, () => 1) }],
])('%s is refused with the number of the item', async (reason, part) => {
  const { engine } = await tinyEngine();
  await using _ = engine;
  const good = { prompt: [1], chosen: [2], rejected: [3] };
  const scoring = engine.scorePairs([good, { ...good, ...part }], { kind: 'base' });
  await expect(scoring).rejects.toMatchObject({ reason, code: 'invalid-argument', metadata: { item: '1' } });
});

test('a policy that does not fit is refused by the name of the tensor', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  const { tensors, method } = policy('a');
  const [[name]] = [...tensors] as [[string, unknown]];
  tensors.delete(name);
  await expect(engine.loadPolicy({ digest: 'a', method, tensors })).rejects.toMatchObject({
    reason: 'POLICY_MISMATCH',
    message: expect.stringContaining(name),
  });
});

test('a folder without a model is a clear error', async () => {
  await expect(openEngine(await temporaryFolder(), CPU)).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
});

test('weights that do not fit the configuration are refused by the name of the parameter', async () => {
  const folder = await writeTinyModel(await temporaryFolder());
  const file = join(folder, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...config, intermediate_size: 25 }));
  await expect(openEngine(folder, CPU)).rejects.toMatchObject({
    reason: 'PARAMETER_SHAPE',
    message: expect.stringContaining('mlp.gate_proj.weight'),
  });
  await writeFile(file, JSON.stringify({ ...config, tie_word_embeddings: false }));
  await expect(openEngine(folder, CPU)).rejects.toMatchObject({ reason: 'PARAMETER_MISSING' });
});
