import { seededRandom } from '@alphapo/base';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { freshLora, readModelDefinition } from '@alphapo/models';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { batchTotals } from './batch-totals.ts';
import { Computer } from './compute.ts';
import { tinyConfigs, writeTinyModel } from './model.fixture.ts';

const SIMPO = { kind: 'simpo', beta: 2, gamma: 0.5, labelSmoothing: 0 } as const;
const pack = (computer: Computer) => computer.scorePack.bind(computer);
const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const random = seededRandom(6);
const ids = (length: number) => Array.from({ length }, () => random.below(61));

/** Prompt and response lengths on both sides of every window and context of the small models. */
const LENGTHS = [
  [1, 1],
  [2, 6],
  [4, 8],
  [9, 4],
  [15, 9],
] as const;

test.each(Object.entries(tinyConfigs))(
  'a pair of %s scores as each of its responses does alone',
  async (_n, config) => {
    await using computer = await Computer.open(await writeTinyModel(await temporaryFolder(), config), CPU);
    const pairs = LENGTHS.map(([p, r]) => ({ prompt: ids(p), chosen: ids(r), rejected: ids(r) }));
    const together = await computer.scorePairs(pairs, { kind: 'base' }, undefined, pack(computer));
    for (const side of ['chosen', 'rejected'] as const) {
      const sequences = pairs.map((pair) => ({ prompt: pair.prompt, response: pair[side] }));
      const alone = await computer.score(sequences, { kind: 'base' }, pack(computer));
      alone.forEach(({ logProbs }, i) => {
        logProbs.forEach((logProb, t) => {
          expect(Math.abs(logProb - (together[i]?.[side].logProbs[t] ?? Number.NaN))).toBeLessThan(2e-5);
        });
      });
    }
  },
);

/** Layers with and without a window, in models with room for rows that are cut into several blocks. */
const MIXED_WINDOWS = {
  gemma2: { ...tinyConfigs.gemma2, sliding_window: 40, layer_types: undefined, max_position_embeddings: 1024 },
  qwen2: {
    ...{ ...tinyConfigs.qwen2, use_sliding_window: true, max_window_layers: 1, layer_types: undefined },
    ...{ sliding_window: 300, max_position_embeddings: 1024 },
  },
};

test.each(Object.entries(MIXED_WINDOWS))(
  'rows of %s that are longer than its windows score as alone, and have gradients',
  async (_name, config) => {
    const folder = await writeTinyModel(await temporaryFolder(), config);
    await using computer = await Computer.open(folder, CPU);
    const pairs = [
      { prompt: ids(420), chosen: ids(180), rejected: ids(5) },
      { prompt: ids(3), chosen: ids(330), rejected: ids(270) },
    ];
    const [first, second] = await computer.scorePairs(pairs, { kind: 'base' }, undefined, pack(computer));
    for (const [pair, outcome] of [[pairs[0], first] as const, [pairs[1], second] as const]) {
      for (const side of ['chosen', 'rejected'] as const) {
        const sequence = { prompt: pair?.prompt ?? [], response: pair?.[side] ?? [] };
        const [alone] = await computer.score([sequence], { kind: 'base' }, pack(computer));
        expect(Math.abs((alone?.mean ?? Number.NaN) - (outcome?.[side].mean ?? Number.NaN))).toBeLessThan(2e-5);
      }
    }
    const method = { kind: 'lora', rank: 2, alpha: 4, targets: ['q_proj', 'k_proj', 'v_proj'] } as const;
    const lora = freshLora(await readModelDefinition(folder), method, 3);
    for (const { data } of lora.values()) data.set(data.map((x, i) => x + 0.01 * Math.sin(i)));
    computer.policies.load('some', { ...method, targets: [...method.targets] }, lora);
    const request = { pairs, ...batchTotals(pairs), objective: SIMPO, policyDigest: 'some', compute: DEFAULT_COMPUTE };
    const kept = await computer.gradient(request, async () => {});
    const compute = { ...DEFAULT_COMPUTE, activations: 'recomputed' } as const;
    const again = await computer.gradient({ ...request, compute }, async () => {});
    for (const [name, { data }] of kept.gradient) {
      const other = again.gradient.get(name)?.data ?? new Float32Array();
      const size = Math.hypot(...data);
      expect(size).toBeGreaterThan(0);
      expect(Math.hypot(...data.map((x, i) => x - (other[i] ?? Number.NaN))) / size).toBeLessThan(1e-5);
    }
  },
);

test('tokens of a window’s far side change nothing, those within do', async () => {
  // One layer: deeper ones see further, through the layers below.
  const config = { ...tinyConfigs.mistral, num_hidden_layers: 1, sliding_window: 5 };
  await using computer = await Computer.open(await writeTinyModel(await temporaryFolder(), config), CPU);
  const prompt = ids(8);
  const changedAt = (i: number) => prompt.map((id, at) => (at === i ? (id + 1) % 61 : id));
  const first = async (changed: number[]) => {
    const [scored] = await computer.score([{ prompt: changed, response: [7] }], { kind: 'base' }, pack(computer));
    return scored?.logProbs[0];
  };
  const expected = await first(prompt);
  expect(await first(changedAt(2))).toBe(expected);
  expect(await first(changedAt(3))).not.toBe(expected);
});
