import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floatTensor } from '@alphapo/base';
import { writeModel } from '@alphapo/checkpoints';
import { main } from '@alphapo/cli';
import { openCheckpoint } from '@alphapo/safetensors';
import { tinyConfigs } from '../../libs/engine/src/model.fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runPython } from './python.ts';

/** What `alphapo merge` writes beside what PEFT makes of the same adapter. */

const LIMIT_MS = 30 * 60_000;
const TORCH_TYPES = { f32: 'torch.float32', bf16: 'torch.bfloat16', f16: 'torch.float16' } as const;
const BASE_NAME = 'nobody/nothing';

const alphapo = (...args: string[]) => main(['node', 'alphapo', ...args]);

interface Comparison {
  readonly base: string;
  readonly dtypes: Readonly<Record<string, number>>;
  readonly missing: readonly string[];
  readonly worst: number;
  readonly changed: number;
}

/** A small model whose weights are stored in a type. */
async function modelOf(config: object, dataType: keyof typeof TORCH_TYPES): Promise<string> {
  const folder = await temporaryFolder();
  const [fresh, model] = [join(folder, 'fresh'), join(folder, 'model')];
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await alphapo('init-model', fresh, '--config', join(folder, 'config.json'));
  const archive = await openCheckpoint(fresh);
  const tensors = new Map();
  for (const [name, { shape }] of archive.tensors) tensors.set(name, floatTensor(shape, await archive.read(name)));
  await writeModel(model, { sourceFolder: fresh, tensors, dataType });
  return model;
}

async function adapterOf(model: string): Promise<string> {
  const folder = await temporaryFolder();
  const records = Array.from({ length: 8 }, (_, i) =>
    JSON.stringify({
      prompt: `Is ${i} even? `,
      chosen: i % 2 === 0 ? 'yes' : 'no',
      rejected: i % 2 === 0 ? 'no' : 'yes',
    }),
  );
  await writeFile(join(folder, 'pairs.jsonl'), `${records.join('\n')}\n`);
  await alphapo(
    ...['train', '--model', model, '--data', join(folder, 'pairs.jsonl'), '--out', join(folder, 'run')],
    ...['--batch-size', '4', '--learning-rate', '1e-2', '--epochs', '2', '--base-model-name', BASE_NAME],
  );
  return join(folder, 'run', 'adapter');
}

const { llama, gpt2, phi3 } = tinyConfigs as Record<string, object>;
const CASES: readonly [string, object | undefined, keyof typeof TORCH_TYPES, string[]][] = [
  ['llama', { ...llama, tie_word_embeddings: false }, 'f32', []],
  ['llama in shards', llama, 'bf16', ['--shard-size', '50k']],
  ['llama', llama, 'f16', []],
  ['llama with a tied head', llama, 'bf16', []],
  ['gpt2, whose layers are stored the other way round', gpt2, 'f32', []],
  ['phi3, whose projections are fused', phi3, 'bf16', []],
];

test.each(CASES)(
  '%s (%#) is what PEFT merges, and loads in transformers; its adapter loads with just a name for the base model',
  async (_name, config, dataType, options) => {
    const model = await modelOf(config ?? {}, dataType);
    const adapter = await adapterOf(model);
    const merged = join(await temporaryFolder(), 'merged');
    await alphapo('merge', '--model', model, '--adapter', adapter, '--out', merged, ...options);
    const { base, dtypes, missing, worst, changed } = await runPython<Comparison>(
      ...(['compare_merged.py', model, adapter, merged] as const),
    );
    expect(base).toBe(BASE_NAME);
    expect(Object.keys(dtypes)).toEqual([TORCH_TYPES[dataType]]);
    expect(missing).toEqual([]);
    // PEFT rounds the product before it adds, in 16 bits; in float32 the orders of summing differ.
    expect(worst).toBeLessThanOrEqual(dataType === 'f32' ? 64 : 1.5);
    expect(changed).toBeGreaterThan(0);
  },
  LIMIT_MS,
);
