import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '@alphapo/base';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { defaultLoraTargets, freshLora } from '@alphapo/models';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { batchTotals } from './batch-totals.ts';
import type { Engine, PairOutcome, PairTokens } from './engine.ts';
import { writeTinyModel } from './model.fixture.ts';
import { ModelFolder } from './weights.ts';
import { type EngineOptions, openEngine } from './worker-engine.ts';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const SFT = { kind: 'sft', average: 'pairs' } as const;

function randomPairs(count: number, length: number): PairTokens[] {
  const random = seededRandom(2);
  const ids = () => Array.from({ length: 1 + random.below(length) }, () => random.below(61));
  return Array.from({ length: count }, () => ({ prompt: ids(), chosen: ids(), rejected: ids() }));
}

async function tinyEngine(scoring?: EngineOptions['scoring']) {
  const folder = await writeTinyModel(await temporaryFolder());
  const { definition } = await ModelFolder.open(folder);
  const method = { kind: 'lora', rank: 2, alpha: 4, targets: defaultLoraTargets(definition) } as const;
  const policy = (digest: string) => ({ digest, method, tensors: freshLora(definition, method, 3) });
  return { engine: await openEngine(folder, { ...CPU, scoring }), policy };
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

/** A gradient of many packs. */
const longRequest = (policyDigest: string, pairs = randomPairs(150, 60)) => ({
  ...{ pairs, ...batchTotals(pairs), objective: SFT, policyDigest, compute: DEFAULT_COMPUTE },
});

test('calls that wait under one policy are computed together, those under another one are not', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const gradient = engine.gradient(longRequest('a', randomPairs(40, 60)));
  const pair = randomPairs(1, 5);
  await Promise.all([
    ...Array.from({ length: 6 }, () => engine.scorePairs(pair, { kind: 'base' })),
    ...Array.from({ length: 3 }, () => engine.scorePairs(pair, { kind: 'policy', digest: 'a' })),
  ]);
  expect(engine.scoring).toEqual({ calls: 9, executions: 2, mergedExecutions: 2 });
  await gradient;
});

test('scores are computed between the packs of a gradient', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  let isComputing = true;
  const gradient = engine.gradient(longRequest('a')).then((result) => {
    isComputing = false;
    return result;
  });
  await engine.loadPolicy(policy('b'));
  for (let i = 0; i < 5; i++) await engine.scorePairs(randomPairs(1, 5), { kind: 'policy', digest: 'b' });
  expect(isComputing).toBe(true);
  await gradient;
});

test('scores do not starve a gradient', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  let isComputing = true;
  const client = async () => {
    while (isComputing) await engine.scorePairs(randomPairs(40, 60), { kind: 'base' });
  };
  const clients = [client(), client(), client()];
  const { pairs } = await engine.gradient(longRequest('a', randomPairs(100, 60)));
  isComputing = false;
  await Promise.all(clients);
  expect(pairs).toHaveLength(100);
});

test('scores that are computed meanwhile do not change the bits of a gradient', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const request = {
    ...longRequest('a', randomPairs(60, 60)),
    objective: { kind: 'dpo', beta: 0.1, labelSmoothing: 0 } as const,
  };
  const alone = await engine.gradient(request);
  const executions = engine.scoring.executions;
  const disturbed = engine.gradient(request);
  for (const pair of randomPairs(10, 20)) void engine.scorePairs([pair], { kind: 'base' });
  const { gradient, pairs } = await disturbed;
  expect(engine.scoring.executions).toBeGreaterThan(executions);
  expect({ gradient, pairs }).toEqual({ gradient: alone.gradient, pairs: alone.pairs });
});

test('a merged score is that of the call by itself but for the last bits; without merging, to the bit', async () => {
  const calls = randomPairs(30, 20);
  const sums = async (engine: Engine, order: 'together' | 'one by one') => {
    const score = (pair: PairTokens) => engine.scorePairs([pair], { kind: 'base' });
    const results: (readonly PairOutcome[])[] = [];
    if (order === 'together') results.push(...(await Promise.all(calls.map(score))));
    else for (const pair of calls) results.push(await score(pair));
    return results.flat().flatMap(({ chosen, rejected }) => [chosen.sum, rejected.sum]);
  };
  const { engine: merging } = await tinyEngine({ merging: 'on', lingerMs: 2 });
  const { engine: separate } = await tinyEngine({ merging: 'off', lingerMs: 2 });
  await using _merging = merging;
  await using _separate = separate;
  const alone = await sums(separate, 'one by one');
  expect(await sums(separate, 'together')).toEqual(alone);
  expect(separate.scoring).toMatchObject({ executions: 60, mergedExecutions: 0 });
  const merged = await sums(merging, 'together');
  expect(merging.scoring.executions).toBeLessThan(30);
  merged.forEach((sum, i) => {
    expect(sum).toBeCloseTo(alone[i] as number, 4);
  });
});

test('an invalid or cancelled call does not affect the calls that it was to be merged with', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const gradient = engine.gradient(longRequest('a', randomPairs(60, 60)));
  const good = { prompt: [1], chosen: [2], rejected: [3] };
  const abort = new AbortController();
  const score = (pairs: PairTokens[], options = {}) => engine.scorePairs(pairs, { kind: 'base' }, options);
  const calls = [
    score([good]),
    score([good, good, { ...good, chosen: [61] }]),
    score([good], { signal: abort.signal }),
    score([good]),
  ];
  abort.abort();
  const [first, wrong, cancelled, last] = await Promise.allSettled(calls);
  expect(wrong).toMatchObject({ reason: { reason: 'UNKNOWN_TOKEN', metadata: { item: '2' } } });
  expect(cancelled).toMatchObject({ reason: { reason: 'CANCELLED' } });
  expect(first).toMatchObject({ status: 'fulfilled' });
  expect(last).toEqual(first);
  expect(engine.scoring).toMatchObject({ executions: 1, mergedExecutions: 1 });
  await gradient;
});

test('a gradient that is cancelled before its turn ends at once', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const abort = new AbortController();
  let isComputing = true;
  const first = engine.gradient(longRequest('a')).finally(() => {
    isComputing = false;
  });
  const second = engine.gradient(longRequest('a'), { signal: abort.signal });
  abort.abort();
  await expect(second).rejects.toMatchObject({ reason: 'CANCELLED' });
  expect(isComputing).toBe(true);
  await first;
});

test('hundreds of objectives do not evict the sessions of the model', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  const pairs = randomPairs(2, 5);
  const sweep = Array.from(
    { length: 40 },
    (_, i) => ({ kind: 'simpo', beta: 1 + i / 10, gamma: 0, labelSmoothing: 0 }) as const,
  );
  const losses = async () =>
    await Promise.all(
      sweep.map(async (objective, i) => {
        const [scored] = await engine.scorePairs(pairs, { kind: 'policy', digest: 'a' }, { objective });
        if (i % 8 > 0) return scored?.loss;
        const { pairs: trained } = await engine.gradient({
          pairs,
          ...batchTotals(pairs),
          objective,
          policyDigest: 'a',
          compute: DEFAULT_COMPUTE,
        });
        expect(trained[0]?.loss).toBeCloseTo(scored?.loss as number, 4);
        return scored?.loss;
      }),
    );
  const first = await losses();
  expect(new Set(first).size).toBe(40);
  const again = await losses();
  again.forEach((loss, i) => {
    expect(loss).toBeCloseTo(first[i] as number, 4);
  });
});

test('a policy that a waiting call needs is not dropped for newer ones', async () => {
  const { engine, policy } = await tinyEngine();
  await using _ = engine;
  await engine.loadPolicy(policy('a'));
  await engine.loadPolicy(policy('b'));
  const calls = [
    engine.gradient(longRequest('a', randomPairs(240, 60))),
    engine.gradient(longRequest('b', randomPairs(2, 5))),
  ];
  for (const digest of ['c', 'd', 'e', 'f', 'g']) await engine.loadPolicy(policy(digest));
  expect(['a', 'b', 'g'].filter((digest) => engine.hasPolicy(digest))).toEqual(['a', 'b', 'g']);
  await Promise.all(calls);
  for (const digest of ['h', 'i', 'j', 'k']) await engine.loadPolicy(policy(digest));
  expect(['a', 'b', 'h', 'k'].filter((digest) => engine.hasPolicy(digest))).toEqual(['h', 'k']);
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
