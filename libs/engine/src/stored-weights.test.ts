import { readdir } from 'node:fs/promises';
import { floatTensor, seededRandom } from '@alphapo/base';
import type { Dtype } from '@alphapo/contracts';
import { openCheckpoint } from '@alphapo/safetensors';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { Computer } from './compute.ts';
import type { PairTokens } from './engine.ts';
import { tinyConfigs, tinyWeights, writeTinyModel } from './model.fixture.ts';
import { ModelFolder } from './weights.ts';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const ARCHITECTURES = Object.entries(tinyConfigs);

const random = seededRandom(4);
const ids = () => Array.from({ length: 3 + random.below(8) }, () => random.below(61));
const pairs: readonly PairTokens[] = Array.from({ length: 3 }, () => ({
  prompt: ids(),
  chosen: ids(),
  rejected: ids(),
}));

/** Log-probabilities of all tokens of the pairs. */
async function scoresOf(folder: string, dtype?: Dtype): Promise<number[]> {
  await using computer = await Computer.open(folder, { ...CPU, dtype });
  const scored = await computer.scorePairs(pairs, { kind: 'base' }, undefined, computer.scorePack.bind(computer));
  return scored.flatMap(({ chosen, rejected }) => [...chosen.logProbs, ...rejected.logProbs]);
}

/** The weights of a folder as stored, in float32. */
async function storedWeights(folder: string) {
  const archive = await openCheckpoint(folder);
  const weights = new Map();
  for (const [name, { shape }] of archive.tensors) weights.set(name, floatTensor(shape, await archive.read(name)));
  return weights;
}

test.each(ARCHITECTURES)('%s scores the same to the bit from one file and from several', async (_name, config) => {
  const whole = await writeTinyModel(await temporaryFolder(), config);
  const storage = { dataType: 'f32', maxShardBytes: 9000 } as const;
  const sharded = await writeTinyModel(await temporaryFolder(), config, { storage });
  const files = await readdir(sharded);
  expect(files).toContain('model.safetensors.index.json');
  expect(files.filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name)).length).toBeGreaterThan(2);
  expect(await scoresOf(sharded)).toEqual(await scoresOf(whole));
});

test.each(
  ARCHITECTURES.flatMap(([name, config]) =>
    (
      [
        ['f16', 'float32'],
        ['f16', 'float16'],
        ['bf16', 'float32'],
        ['bf16', 'bfloat16'],
        ['bf16', 'float16'],
      ] as const
    ).map(([stored, dtype]) => [name, stored, dtype, config] as const),
  ),
)(
  '%s scores weights stored as %s as it scores the same numbers stored as f32, to the bit, in %s',
  async (_name, dataType, dtype, config) => {
    const storage = { dataType, maxShardBytes: 9000 };
    const half = await writeTinyModel(await temporaryFolder(), config, { storage });
    const single = await writeTinyModel(await temporaryFolder(), config, { weights: await storedWeights(half) });
    const scores = await scoresOf(half, dtype);
    expect(scores.every(Number.isFinite)).toBe(true);
    expect(scores).toEqual(await scoresOf(single, dtype));
  },
);

test('names without the base model’s prefix are found', async () => {
  const weights = tinyWeights(tinyConfigs.gpt2);
  const bare = new Map([...weights].map(([name, tensor]) => [name.replace('transformer.', ''), tensor]));
  const whole = await writeTinyModel(await temporaryFolder(), tinyConfigs.gpt2);
  const unprefixed = await writeTinyModel(await temporaryFolder(), tinyConfigs.gpt2, { weights: bare });
  expect(await scoresOf(unprefixed)).toEqual(await scoresOf(whole));
});

test('a stored head that is tied by config.json must be the embedding', async () => {
  const weights = tinyWeights(tinyConfigs.qwen3);
  const embedding = weights.get('model.embed_tokens.weight') as ReturnType<typeof floatTensor>;
  weights.set('lm_head.weight', embedding);
  const same = await writeTinyModel(await temporaryFolder(), tinyConfigs.qwen3, { weights });
  expect((await ModelFolder.open(same)).definition.headWeight).toBe('model.embed_tokens.weight');
  weights.set('lm_head.weight', floatTensor(embedding.shape));
  const other = await writeTinyModel(await temporaryFolder(), tinyConfigs.qwen3, { weights });
  await expect(ModelFolder.open(other)).rejects.toMatchObject({ reason: 'HEAD_NOT_TIED' });
});

test('a missing parameter is named', async () => {
  const weights = tinyWeights(tinyConfigs.gemma2);
  weights.delete('model.layers.1.post_feedforward_layernorm.weight');
  const folder = await writeTinyModel(await temporaryFolder(), tinyConfigs.gemma2, { weights });
  await expect(ModelFolder.open(folder)).rejects.toMatchObject({
    reason: 'PARAMETER_MISSING',
    metadata: { parameter: 'model.layers.1.post_feedforward_layernorm.weight' },
  });
});
