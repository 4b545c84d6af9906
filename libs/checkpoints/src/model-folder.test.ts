import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floatTensor } from '@alphapo/base';
import { openCheckpoint, writeShardedCheckpoint } from '@alphapo/safetensors';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { writeModel } from './model-folder.ts';

const CONFIG = '{\n  "model_type": "llama",\n  "rope_theta": 10000.0,\n  "torch_dtype": "bfloat16"\n}\n';

/** A model of a trained matrix and a frozen buffer. */
async function source(): Promise<string> {
  const folder = await temporaryFolder();
  const tensors = [
    { name: 'w', dtype: 'bf16', shape: [2], data: Uint16Array.of(0x3f80, 0x4000) },
    { name: 'buffer', dtype: 'i64', shape: [1], data: BigInt64Array.of(7n) },
  ] as const;
  await writeShardedCheckpoint(folder, tensors, 1e9);
  await writeFile(join(folder, 'config.json'), CONFIG);
  await writeFile(join(folder, 'tokenizer.json'), '{"tokenizer":1}');
  await writeFile(join(folder, 'generation_config.json'), '{}');
  await writeFile(join(folder, 'README.md'), 'of the base model');
  await mkdir(join(folder, 'runs'));
  return folder;
}

const trained = new Map([['w', floatTensor([2], Float32Array.of(1.1, -2.2))]]);

test('trained tensors replace the source’s, others and the tokenizer come along', async () => {
  const [sourceFolder, folder] = [await source(), join(await temporaryFolder(), 'export')];
  await writeModel(folder, { sourceFolder, tensors: trained, dataType: 'f32' });
  expect((await readdir(folder)).sort()).toEqual([
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
  ]);
  const archive = await openCheckpoint(folder);
  expect(await archive.read('w')).toEqual(Float32Array.of(1.1, -2.2));
  expect(archive.entry('w').dtype).toBe('f32');
  expect(await archive.readBytes('buffer')).toEqual(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0));
});

test('chat templates come along, those with names too', async () => {
  const [sourceFolder, folder] = [await source(), join(await temporaryFolder(), 'export')];
  const templates = join(sourceFolder, 'additional_chat_templates');
  await mkdir(templates);
  const files = { 'tool_use.jinja': 'tools', 'rag.jinja': 'documents' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(templates, name), text);
  await writeFile(join(templates, 'README.md'), 'of the templates');
  for (const name of ['chat_template.jinja', 'chat_template.json']) await writeFile(join(sourceFolder, name), '{}');
  await writeModel(folder, { sourceFolder, tensors: trained });
  expect(await readdir(folder)).toEqual(expect.arrayContaining(['chat_template.jinja', 'chat_template.json']));
  const copied = join(folder, 'additional_chat_templates');
  expect((await readdir(copied)).toSorted()).toEqual(Object.keys(files).toSorted());
  for (const [name, text] of Object.entries(files)) expect(await readFile(join(copied, name), 'utf8')).toBe(text);
});

test('the configuration names the type of the weights, and is the same text otherwise', async () => {
  const [sourceFolder, folder] = [await source(), await temporaryFolder()];
  await writeModel(folder, { sourceFolder, tensors: trained, dataType: 'f32' });
  expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe(CONFIG.replace('bfloat16', 'float32'));
  await writeModel(folder, { sourceFolder, tensors: trained, dataType: 'bf16' });
  expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe(CONFIG);
  expect([...(await (await openCheckpoint(folder)).read('w'))]).toEqual([1.1015625, -2.203125]);
});

describe('by default weights are stored as the source stores them', () => {
  /** A model of one matrix per type; config.json says nothing about types. */
  async function sourceOf(...types: (keyof typeof ENCODED)[]): Promise<string> {
    const folder = await temporaryFolder();
    const tensors = types.map((dtype) => ({ name: dtype, dtype, shape: [2], data: ENCODED[dtype] }));
    await writeShardedCheckpoint(folder, tensors, 1e9);
    await writeFile(join(folder, 'config.json'), '{"model_type":"llama"}');
    return folder;
  }
  /** 1 and 2. */
  const ENCODED = {
    f32: Float32Array.of(1, 2),
    bf16: Uint16Array.of(0x3f80, 0x4000),
    f16: Uint16Array.of(0x3c00, 0x4000),
  };
  const tensorsOf = (types: readonly string[], ...values: number[]) =>
    new Map(types.map((name) => [name, floatTensor([2], Float32Array.from(values))]));
  const stored = async (folder: string, name: string) => [...(await (await openCheckpoint(folder)).read(name))];

  test.each([
    ['f32', [1 + 2 ** -20, 2], 1, 'float32'],
    // Halfway between two neighbours: to the even one.
    ['bf16', [1 + 2 ** -8, 2 + 2 ** -6], 1, 'bfloat16'],
    ['f16', [1 + 2 ** -11, 2 + 2 ** -9], 1, 'float16'],
    ['bf16', [1 + 2 ** -12, 2 - 2 ** -12], 0, 'bfloat16'],
  ] as const)('%s: %j', async (type, values, changedWeights, name) => {
    const [sourceFolder, folder] = [await sourceOf(type), await temporaryFolder()];
    const written = await writeModel(folder, { sourceFolder, tensors: tensorsOf([type], ...values) });
    expect(written).toEqual({ dataTypes: [type], weights: 2, changedWeights });
    const rounded = type === 'f32' ? [...values] : changedWeights === 0 ? [1, 2] : [1, values[1]];
    expect(await stored(folder, type)).toEqual(rounded);
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')).torch_dtype).toBe(name);
  });

  test('where the source mixes types, each tensor keeps its own and the configuration stays', async () => {
    const types = ['bf16', 'f32'] as const;
    const [sourceFolder, folder] = [await sourceOf(...types), await temporaryFolder()];
    const written = await writeModel(folder, { sourceFolder, tensors: tensorsOf(types, 1 + 2 ** -12, 2) });
    expect(written).toEqual({ dataTypes: expect.arrayContaining([...types]), weights: 4, changedWeights: 1 });
    expect(await stored(folder, 'f32')).toEqual([1 + 2 ** -12, 2]);
    expect(await stored(folder, 'bf16')).toEqual([1, 2]);
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{"model_type":"llama"}');
  });

  test('a weight beyond the type is an error that names it', async () => {
    const [sourceFolder, folder] = [await sourceOf('f16'), await temporaryFolder()];
    const writing = writeModel(folder, { sourceFolder, tensors: tensorsOf(['f16'], 70_000, 1) });
    await expect(writing).rejects.toMatchObject({ reason: 'WEIGHT_TOO_LARGE', metadata: { tensor: 'f16' } });
  });
});

test('a configuration without a type gets one', async () => {
  const [sourceFolder, folder] = [await source(), await temporaryFolder()];
  await writeFile(join(sourceFolder, 'config.json'), '{"model_type":"llama"}');
  await writeModel(folder, { sourceFolder, tensors: trained, dataType: 'f32' });
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  expect(config).toEqual({ model_type: 'llama', torch_dtype: 'float32' });
});

test('names without the base model’s prefix stay so', async () => {
  const [sourceFolder, folder] = [await source(), await temporaryFolder()];
  const [, tensor] = [...trained][0] as [string, ReturnType<typeof floatTensor>];
  await writeModel(folder, { sourceFolder, tensors: new Map([['transformer.w', tensor]]) });
  const archive = await openCheckpoint(folder);
  expect([...archive.tensors.keys()].sort()).toEqual(['buffer', 'w']);
  expect(await archive.read('w')).toEqual(Float32Array.of(1.1015625, -2.203125));
});

test('a stored copy of a trained embedding is left out, a head that was trained is not', async () => {
  const [sourceFolder, folder] = [await source(), await temporaryFolder()];
  const names = ['model.embed_tokens.weight', 'lm_head.weight'];
  const stored = names.map((name) => ({ name, dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }) as const);
  await writeShardedCheckpoint(sourceFolder, stored, 1e9);
  const tensor = floatTensor([2], Float32Array.of(3, 4));
  await writeModel(folder, { sourceFolder, tensors: new Map([['model.embed_tokens.weight', tensor]]) });
  expect([...(await openCheckpoint(folder)).tensors.keys()]).toEqual(['model.embed_tokens.weight']);
  await writeModel(folder, { sourceFolder, tensors: new Map(names.map((name) => [name, tensor])) });
  expect([...(await openCheckpoint(folder)).tensors.keys()].sort()).toEqual([...names].sort());
});

test('the base model is never overwritten', async () => {
  const sourceFolder = await source();
  const writing = writeModel(join(sourceFolder, '.'), { sourceFolder, tensors: trained });
  await expect(writing).rejects.toMatchObject({ reason: 'INVALID_TARGET_FOLDER' });
});

test.each([
  ['unknown', [2]],
  ['w', [1, 2]],
])('a tensor %s of shape %j that the source does not have is refused', async (name, shape) => {
  const tensors = new Map([[name, floatTensor(shape)]]);
  const writing = writeModel(await temporaryFolder(), { sourceFolder: await source(), tensors });
  await expect(writing).rejects.toMatchObject({ reason: 'TENSORS_MISMATCH', metadata: { tensor: name } });
});

describeShared('a real model', () => {
  test('is written with all of its weights to the bit', async () => {
    const sourceFolder = sharedPath('data', 'models', 'stories260K', 'hf') as string;
    const folder = await temporaryFolder();
    const original = await openCheckpoint(sourceFolder);
    const tensors = new Map();
    for (const [name, { shape }] of original.tensors) tensors.set(name, { shape, data: await original.read(name) });
    await writeModel(folder, { sourceFolder, tensors });
    const written = await openCheckpoint(folder);
    expect([...written.tensors.keys()]).toEqual([...original.tensors.keys()]);
    for (const name of original.tensors.keys()) {
      expect(await written.readBytes(name)).toEqual(await original.readBytes(name));
    }
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['tokenizer.json', 'tokenizer_config.json']));
  });
});
