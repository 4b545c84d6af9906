import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { initModel, TINY_CONFIG } from '@alphapo/cli';

/** Random Llamas of three sizes; `small` is about as large as the model of the other benchmarks. */
const SHAPES = {
  tiny: { hidden_size: 256, intermediate_size: 688, num_hidden_layers: 8 },
  small: { hidden_size: 512, intermediate_size: 1408, num_hidden_layers: 16 },
  larger: { hidden_size: 1024, intermediate_size: 2816, num_hidden_layers: 16 },
};
const COMMON = { num_attention_heads: 8, num_key_value_heads: 8, max_position_embeddings: 2048 };

export interface SizedModel {
  readonly folder: string;
  readonly parameters: number;
  /** Of its files. */
  readonly bytes: number;
}

/** Makes a model below the folder. */
export async function makeModel(below: string, size: keyof typeof SHAPES): Promise<SizedModel> {
  const folder = join(below, size);
  const parameters = await initModel(folder, { ...TINY_CONFIG, ...COMMON, ...SHAPES[size] }, 1);
  return { folder, parameters, bytes: await bytesOf(folder) };
}

/** Of all files in a folder and below it. */
export async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
