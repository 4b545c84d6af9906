import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freshParameters, modelFromConfig } from '@alphapo/models';
import { writeSafetensors } from '@alphapo/safetensors';

const TINY_LLAMA = {
  model_type: 'llama',
  vocab_size: 61,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
  initializer_range: 0.3,
  tie_word_embeddings: true,
};

/** Writes a small random model into a folder, for tests. */
export async function writeTinyModel(folder: string, config: object = {}): Promise<string> {
  const whole = { ...TINY_LLAMA, ...config };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(whole));
  const parameters = [...freshParameters(modelFromConfig(whole), 5)];
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    parameters.map(({ name, tensor }) => ({ name, dtype: 'f32' as const, shape: tensor.shape, data: tensor.data })),
  );
  return folder;
}
