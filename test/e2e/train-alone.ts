import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main as alphapo } from '@alphapo/cli';
import type { RunSize } from './options.ts';
import { policyOf } from './release.ts';

export const ADAPTER = 'adapter_model.safetensors';
const MODEL = 'model';

/** Makes the small random model that all trials train, the same bytes anywhere; returns its folder, below the given one. */
export async function makeModel(folder: string): Promise<string> {
  const model = join(folder, MODEL);
  await command('init-model', model);
  return model;
}

/** The adapter that the pairs in `pairs.jsonl` of a folder come to in this process, on a model from `makeModel`. */
export async function trainAlone(folder: string, model: string, size: RunSize): Promise<Buffer> {
  const file = (name: string) => join(folder, name);
  await writeFile(file('run.yaml'), JSON.stringify(policyOf(size)));
  await command(
    ...['train', '--model', model, '--data', file('pairs.jsonl'), '--config', file('run.yaml')],
    ...['--out', file('out'), '--no-shuffle', '--threads', '1', '--chat-template', 'plain'],
  );
  return readFile(join(file('out'), 'adapter', ADAPTER));
}

const command = (...args: string[]) => alphapo(['node', 'alphapo', ...args]);
