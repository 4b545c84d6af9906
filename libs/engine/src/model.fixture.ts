import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FloatTensor, seededRandom } from '@alphapo/base';
import { freshParameters, modelFromConfig } from '@alphapo/models';
import { encodeFloats, type FloatDataType, writeShardedCheckpoint } from '@alphapo/safetensors';

const SIZES = {
  vocab_size: 61,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
  initializer_range: 0.3,
};

/** A small model of each architecture, with the options that make it differ from the others. */
export const tinyConfigs = {
  llama: { model_type: 'llama', ...SIZES, tie_word_embeddings: true },
  mistral: { model_type: 'mistral', ...SIZES, sliding_window: 5, head_dim: 6 },
  qwen2: { model_type: 'qwen2', ...SIZES, use_sliding_window: true, sliding_window: 5, max_window_layers: 1 },
  qwen3: { model_type: 'qwen3', ...SIZES, head_dim: 8, tie_word_embeddings: true },
  gemma2: {
    model_type: 'gemma2',
    ...SIZES,
    head_dim: 8,
    query_pre_attn_scalar: 10,
    attn_logit_softcapping: 2.5,
    final_logit_softcapping: 4.5,
    sliding_window: 5,
  },
  phi3: {
    model_type: 'phi3',
    ...SIZES,
    hidden_size: 32,
    partial_rotary_factor: 0.5,
    original_max_position_embeddings: 12,
    rope_scaling: { type: 'longrope', short_factor: [1, 1.3], long_factor: [1.5, 4] },
  },
  gpt2: {
    model_type: 'gpt2',
    vocab_size: 61,
    n_embd: 16,
    n_head: 4,
    n_layer: 2,
    n_positions: 256,
    initializer_range: 0.3,
  },
} as const;

/** How the weights of a model are stored. */
export interface Storage {
  readonly dataType: FloatDataType;
  /** Above it the weights are spread over several files. */
  readonly maxShardBytes: number;
}

const ONE_FILE: Storage = { dataType: 'f32', maxShardBytes: Number.POSITIVE_INFINITY };

/** Random weights; those of norms and biases too, which fresh models have at one or zero. */
export function tinyWeights(config: object): Map<string, FloatTensor> {
  const random = seededRandom(8);
  const weights = new Map<string, FloatTensor>();
  for (const { name, tensor } of freshParameters(modelFromConfig(config), 5)) {
    const data = tensor.shape.length > 1 ? tensor.data : tensor.data.map((x) => x + 0.2 * random.normal());
    weights.set(name, { ...tensor, data });
  }
  return weights;
}

/** Writes a small random model into a folder, for tests; a small Llama unless told otherwise. */
export async function writeTinyModel(
  folder: string,
  config: object = tinyConfigs.llama,
  { weights = tinyWeights(config), storage = ONE_FILE }: { weights?: Map<string, FloatTensor>; storage?: Storage } = {},
): Promise<string> {
  const { dataType: dtype, maxShardBytes } = storage;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const tensors = [...weights].map(([name, { shape, data }]) => ({
    name,
    dtype,
    shape,
    data: encodeFloats(dtype, data),
  }));
  await writeShardedCheckpoint(folder, tensors, maxShardBytes);
  return folder;
}
