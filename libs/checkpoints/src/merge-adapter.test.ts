import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type FloatTensors, floatTensor, seededRandom } from '@alphapo/base';
import { encodeFloats, openCheckpoint, writeShardedCheckpoint } from '@alphapo/safetensors';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import type { Adapter } from './adapter.ts';
import { mergeAdapter } from './merge-adapter.ts';

const MODULE = 'model.layers.0.self_attn.q_proj';
const WEIGHT = `${MODULE}.weight`;
const [OUTPUTS, INPUTS, RANK, ALPHA] = [6, 4, 2, 3];

type FloatType = 'f32' | 'f16' | 'bf16';

const random = seededRandom(3);
const matrix = (rows: number, columns: number, scale = 1) =>
  floatTensor(
    [rows, columns],
    Float32Array.from({ length: rows * columns }, () => scale * (2 * random.next() - 1)),
  );

function adapterOf(shapes: { inputs?: number; outputs?: number; module?: string } = {}): Adapter {
  const { inputs = INPUTS, outputs = OUTPUTS, module = MODULE } = shapes;
  const tensors: FloatTensors = new Map([
    [`base_model.model.${module}.lora_A.weight`, matrix(RANK, inputs)],
    [`base_model.model.${module}.lora_B.weight`, matrix(outputs, RANK)],
  ]);
  return { rank: RANK, alpha: ALPHA, targets: ['q_proj'], tensors };
}

/** A model whose layer is stored in a type, with an embedding, a stored copy of it as head, and a norm in float32. */
async function modelOf(dtype: FloatType, shape: readonly number[] = [OUTPUTS, INPUTS]): Promise<string> {
  const folder = await temporaryFolder();
  const stored = (name: string, type: FloatType, size: readonly number[]) => {
    const { data } = matrix(size[0] as number, size[1] ?? 1);
    return { name, dtype: type, shape: size, data: encodeFloats(type, data) };
  };
  const embedding = stored('model.embed_tokens.weight', dtype, [8, INPUTS]);
  await writeShardedCheckpoint(
    folder,
    [
      embedding,
      stored(WEIGHT, dtype, shape),
      stored('model.norm.weight', 'f32', [INPUTS]),
      { ...embedding, name: 'lm_head.weight' },
    ],
    1e9,
  );
  await writeFile(
    join(folder, 'config.json'),
    '{"model_type":"llama","tie_word_embeddings":true,"rope_theta":10000.0}',
  );
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  await writeFile(join(folder, 'generation_config.json'), '{}');
  return folder;
}

/** W + (alpha / rank) B A element by element in float64, W [out, in]. */
function expected(before: Float32Array, { tensors }: Adapter): Float64Array {
  const [a, b] = [...tensors.values()].map(({ data }) => data) as [Float32Array, Float32Array];
  return Float64Array.from(before, (weight, i) => {
    const [row, column] = [Math.floor(i / INPUTS), i % INPUTS];
    let sum = 0;
    for (let r = 0; r < RANK; r++) sum += (b[row * RANK + r] as number) * (a[r * INPUTS + column] as number);
    return weight + (ALPHA / RANK) * sum;
  });
}

/** Half a unit in the last place, relative to the sum; float32 also rounds on the way to it. */
const ROUNDING: Readonly<Record<FloatType, number>> = { f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };
const SUMMING = 2 ** -21;

test.each(['f32', 'f16', 'bf16'] as const)('weights in %s are the sum, rounded to their type', async (dtype) => {
  const [sourceFolder, folder, adapter] = [await modelOf(dtype), await temporaryFolder(), adapterOf()];
  const written = await mergeAdapter(folder, { sourceFolder, adapter, weightLayout: 'linear' });
  expect(written.dataTypes).toEqual([dtype]);
  const [before, after] = [await openCheckpoint(sourceFolder), await openCheckpoint(folder)];
  expect(after.entry(WEIGHT).dtype).toBe(dtype);
  const merged = await after.read(WEIGHT);
  for (const [i, sum] of expected(await before.read(WEIGHT), adapter).entries()) {
    const error = Math.abs((merged[i] as number) - sum);
    expect(error).toBeLessThanOrEqual(ROUNDING[dtype] * Math.abs(sum) + SUMMING);
  }
});

test('everything else stays as it is stored: tied heads, norms of another type, configuration and tokenizer', async () => {
  const [sourceFolder, folder] = [await modelOf('bf16'), await temporaryFolder()];
  await mergeAdapter(folder, { sourceFolder, adapter: adapterOf(), weightLayout: 'linear' });
  const [before, after] = [await openCheckpoint(sourceFolder), await openCheckpoint(folder)];
  expect([...after.tensors.keys()].toSorted()).toEqual([...before.tensors.keys()].toSorted());
  for (const name of before.tensors.keys()) {
    if (name === WEIGHT) continue;
    expect(after.entry(name).dtype).toBe(before.entry(name).dtype);
    expect(await after.readBytes(name)).toEqual(await before.readBytes(name));
  }
  for (const file of ['config.json', 'tokenizer.json', 'generation_config.json']) {
    expect(await readFile(join(folder, file), 'utf8')).toBe(await readFile(join(sourceFolder, file), 'utf8'));
  }
});

test('a model that stores its layers the other way round, as GPT-2 does, gets the transpose', async () => {
  const adapter = adapterOf();
  const [linear, conv1d] = [await modelOf('f32'), await modelOf('f32', [INPUTS, OUTPUTS])];
  const merged = async (sourceFolder: string, weightLayout: 'linear' | 'conv1d') => {
    const folder = await temporaryFolder();
    await mergeAdapter(folder, { sourceFolder, adapter, weightLayout });
    const [before, after] = [await openCheckpoint(sourceFolder), await openCheckpoint(folder)];
    const weights = await before.read(WEIGHT);
    return (await after.read(WEIGHT)).map((weight, i) => weight - (weights[i] as number));
  };
  const [straight, across] = [await merged(linear, 'linear'), await merged(conv1d, 'conv1d')];
  for (let row = 0; row < OUTPUTS; row++) {
    for (let column = 0; column < INPUTS; column++) {
      expect(across[column * OUTPUTS + row]).toBeCloseTo(straight[row * INPUTS + column] as number, 5);
    }
  }
});

test('large weights are in several files with an index', async () => {
  const [sourceFolder, whole, folder] = [await modelOf('f32'), await temporaryFolder(), await temporaryFolder()];
  const merge = { sourceFolder, adapter: adapterOf(), weightLayout: 'linear' } as const;
  await mergeAdapter(whole, merge);
  await mergeAdapter(folder, { ...merge, maxShardBytes: 150 });
  const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
  expect(new Set(Object.values(index.weight_map)).size).toBeGreaterThan(1);
  const [one, several] = [await openCheckpoint(whole), await openCheckpoint(folder)];
  for (const name of one.tensors.keys()) expect(await several.readBytes(name)).toEqual(await one.readBytes(name));
});

test('each tensor is told before it is written, with the bytes before it', async () => {
  const [sourceFolder, folder] = [await modelOf('f32'), await temporaryFolder()];
  const told: [string, number, number][] = [];
  await mergeAdapter(folder, {
    ...{ sourceFolder, adapter: adapterOf(), weightLayout: 'linear' },
    onTensor: (...progress) => told.push(progress),
  });
  const { tensors } = await openCheckpoint(sourceFolder);
  const total = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(told.map(([name]) => name).toSorted()).toEqual([...tensors.keys()].toSorted());
  expect(told.map(([, before]) => before)).toEqual(told.map(([, before]) => before).toSorted((a, b) => a - b));
  expect(told.every(([, before, all]) => before < all && all === total)).toBe(true);
});

/** At once: by itself the engine collects when it likes to. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

test('memory grows with the largest tensor, not with the model', async () => {
  const [SIZE, LAYERS] = [512, 48];
  const module = (i: number) => `model.layers.${i}.self_attn.q_proj`;
  const sourceFolder = await temporaryFolder();
  const layers = Array.from({ length: LAYERS }, (_, i) => ({
    ...({ name: `${module(i)}.weight`, dtype: 'f32', shape: [SIZE, SIZE] } as const),
    data: () => new Float32Array(SIZE * SIZE).fill(i),
  }));
  await writeShardedCheckpoint(sourceFolder, layers, 1e9);
  await writeFile(join(sourceFolder, 'config.json'), '{}');
  const tensors = new Map(
    layers.flatMap((_, i) => [...adapterOf({ inputs: SIZE, outputs: SIZE, module: module(i) }).tensors]),
  );
  const folder = await temporaryFolder();
  const adapter = { ...adapterOf(), tensors };
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  await mergeAdapter(folder, {
    ...{ sourceFolder, adapter, weightLayout: 'linear' },
    onTensor: () => {
      collectGarbage();
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    },
  });
  const { size } = await stat(join(folder, 'model.safetensors'));
  expect(size).toBeGreaterThan(LAYERS * SIZE * SIZE * 4);
  // Of 48 tensors, a few forms of one or two at a time.
  expect(most).toBeLessThan(size / 4);
});

test.each<[string, Parameters<typeof adapterOf>[0]]>([
  ['of a layer that the model lacks', { module: 'model.layers.7.self_attn.q_proj' }],
  ['of another width', { inputs: INPUTS + 1 }],
  ['of another height', { outputs: OUTPUTS + 1 }],
])('an adapter %s is refused, naming the layer', async (_what, shapes) => {
  const merging = mergeAdapter(await temporaryFolder(), {
    ...{ sourceFolder: await modelOf('f32'), adapter: adapterOf(shapes), weightLayout: 'linear' },
  });
  await expect(merging).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'ADAPTER_MISMATCH',
    metadata: { module: shapes?.module ?? MODULE },
  });
});
