import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FloatTensors, floatTensor } from '@alphapo/base';
import { openSafetensors, writeSafetensors } from '@alphapo/safetensors';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { type LoraMethod, readAdapter, writeAdapter } from './adapter.ts';
import { checkTargets } from './adapter-tensors.ts';

const Q_PROJ = 'base_model.model.model.layers.0.self_attn.q_proj';
const method: LoraMethod = { kind: 'lora', rank: 2, alpha: 4, targets: ['q_proj'] };

function factors(overrides: Record<string, number[] | undefined> = {}): FloatTensors {
  const shapes = { [`${Q_PROJ}.lora_A.weight`]: [2, 3], [`${Q_PROJ}.lora_B.weight`]: [5, 2], ...overrides };
  const given = Object.entries(shapes).filter((entry): entry is [string, number[]] => entry[1] !== undefined);
  return new Map(given.map(([name, shape]) => [name, floatTensor(shape)]));
}

async function written(tensors = factors()): Promise<string> {
  const folder = await temporaryFolder();
  await writeAdapter(folder, { method, tensors, baseModelPath: 'org/model', weightLayout: 'linear' });
  return folder;
}

async function changeConfig(folder: string, changes: Record<string, unknown>): Promise<void> {
  const file = join(folder, 'adapter_config.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...changes }));
}

test('an adapter is read back as it was written', async () => {
  const tensors = factors();
  tensors.get(`${Q_PROJ}.lora_B.weight`)?.data.set([1, -0, 2 ** -149, 1 / 3]);
  const folder = await written(tensors);
  expect(await readAdapter(folder)).toEqual({ rank: 2, alpha: 4, targets: ['q_proj'], tensors });
  expect((await readdir(folder)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
});

test('the configuration says what PEFT needs to know', async () => {
  const config = JSON.parse(await readFile(join(await written(), 'adapter_config.json'), 'utf8'));
  expect(config).toMatchObject({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    r: 2,
    lora_alpha: 4,
    target_modules: ['q_proj'],
    lora_dropout: 0,
    bias: 'none',
    base_model_name_or_path: 'org/model',
    fan_in_fan_out: false,
    inference_mode: true,
    use_rslora: false,
  });
});

test.each<[string, unknown]>([
  ['use_rslora', true],
  ['use_dora', true],
  ['bias', 'all'],
  ['modules_to_save', ['lm_head']],
  ['rank_pattern', { q_proj: 4 }],
  ['alpha_pattern', { q_proj: 4 }],
  ['layers_to_transform', [0]],
  ['layers_pattern', 'layers'],
  ['exclude_modules', ['q_proj']],
  ['trainable_token_indices', [1]],
  ['lora_bias', true],
  ['target_modules', '.*q_proj'],
  ['target_modules', []],
  ['peft_type', 'IA3'],
  ['task_type', 'SEQ_CLS'],
  ['init_lora_weights', 'pissa'],
  ['r', 0],
  ['lora_alpha', null],
  ['a_feature_of_the_future', true],
])('a configuration with %s: %j is refused by name', async (field, value) => {
  const folder = await written();
  await changeConfig(folder, { [field]: value });
  await expect(readAdapter(folder)).rejects.toMatchObject({
    code: 'unimplemented',
    reason: 'UNSUPPORTED_ADAPTER',
    message: expect.stringContaining(field),
    metadata: { field },
  });
});

test('targets are whole parts of module paths, from one part to the whole path', async () => {
  for (const target of ['q_proj', 'self_attn.q_proj', 'model.layers.0.self_attn.q_proj']) {
    const folder = await written();
    await changeConfig(folder, { target_modules: [target, 'x'.repeat(1000)] });
    expect((await readAdapter(folder)).targets[0]).toBe(target);
  }
  for (const target of ['proj', 'attn.q_proj', 'self_attn', '.q_proj', 'a.model.layers.0.self_attn.q_proj']) {
    const folder = await written();
    await changeConfig(folder, { target_modules: [target] });
    await expect(readAdapter(folder)).rejects.toMatchObject({ reason: 'INVALID_ADAPTER' });
  }
});

test('many modules and many targets are compared in no time', async () => {
  const modules = Array.from({ length: 50_000 }, (_, i) => `base.layers.${i}.q_proj`);
  const targets = [...Array.from({ length: 50_000 }, (_, i) => `layers.${i}.q`), 'q_proj'];
  const started = performance.now();
  checkTargets(modules, targets, 'here');
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('a configuration that nests as deep as the stack is refused', async () => {
  const folder = await written();
  const file = join(folder, 'adapter_config.json');
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  await writeFile(file, (await readFile(file, 'utf8')).replace('"rank_pattern": {}', `"rank_pattern": ${deep}`));
  await expect(readAdapter(folder)).rejects.toMatchObject({ code: 'data-loss', reason: 'TOO_MUCH_JSON' });
});

test('all-linear stands for the modules that the tensors are of', async () => {
  const folder = await written();
  await changeConfig(folder, { target_modules: 'all-linear' });
  expect((await readAdapter(folder)).targets).toEqual(['q_proj']);
});

test.each<[string, Record<string, number[] | undefined>]>([
  ['a factor of another rank', { [`${Q_PROJ}.lora_A.weight`]: [4, 3] }],
  ['a factor that is no matrix', { [`${Q_PROJ}.lora_A.weight`]: [2] }],
  ['one factor without the other', { [`${Q_PROJ}.lora_B.weight`]: undefined }],
  ['a tensor that is no factor', { 'base_model.model.lm_head.weight': [2, 2] }],
  ['no tensors', { [`${Q_PROJ}.lora_A.weight`]: undefined, [`${Q_PROJ}.lora_B.weight`]: undefined }],
  [
    'another module than the targets',
    {
      'base_model.model.x.k_proj.lora_A.weight': [2, 3],
      'base_model.model.x.k_proj.lora_B.weight': [3, 2],
    },
  ],
])('an adapter with %s is refused, on writing and on reading', async (_what, overrides) => {
  const invalid = expect.objectContaining({ code: 'invalid-argument', reason: 'INVALID_ADAPTER' });
  await expect(written(factors(overrides))).rejects.toEqual(invalid);
  const folder = await written();
  const tensors = [...factors(overrides)].map(
    ([name, { shape, data }]) => ({ name, dtype: 'f32', shape, data }) as const,
  );
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors);
  await expect(readAdapter(folder)).rejects.toEqual(invalid);
});

test('a pickled adapter says how to convert it, an absent one what is missing', async () => {
  const folder = await written();
  await rename(join(folder, 'adapter_model.safetensors'), join(folder, 'adapter_model.bin'));
  await expect(readAdapter(folder)).rejects.toThrow('save_pretrained');
  await rm(join(folder, 'adapter_config.json'));
  await expect(readAdapter(folder)).rejects.toMatchObject({ reason: 'FILE_NOT_FOUND' });
});

describeShared('adapters saved by PEFT', () => {
  test.each([
    ['llama', ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'], 'linear'],
    ['gpt2', ['c_attn', 'c_fc', 'c_proj'], 'conv1d'],
  ] as const)('of %s are read, and written back the same', async (model, targets, weightLayout) => {
    const original = sharedPath('golden', 'models', model, 'adapter') as string;
    const adapter = await readAdapter(original);
    expect(adapter).toMatchObject({ rank: 4, alpha: 8, targets });
    const copy = await temporaryFolder();
    await cp(original, copy, { recursive: true });
    const { rank, alpha, tensors } = adapter;
    await writeAdapter(copy, {
      method: { kind: 'lora', rank, alpha, targets: [...targets] },
      tensors,
      baseModelPath: '..',
      weightLayout,
    });
    expect(await readAdapter(copy)).toEqual(adapter);
    const [before, after] = await Promise.all(
      [original, copy].map(async (folder) => JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'))),
    );
    expect(before).toMatchObject(after);
    const weights = await openSafetensors(join(copy, 'adapter_model.safetensors'));
    expect(weights.files[0]?.metadata).toEqual({ format: 'pt' });
  });
});
