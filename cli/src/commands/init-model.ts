import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, messageOf } from '@alphapo/base';
import { freshParameters, modelFromConfig } from '@alphapo/models';
import { writeSafetensors } from '@alphapo/safetensors';
import { BYTE_VOCABULARY_SIZE, writeByteTokenizer } from '@alphapo/tokenization';
import { Command } from 'commander';
import { count } from '../numbers.ts';

/** A Llama small enough to learn simple things in a minute. */
export const TINY_CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: BYTE_VOCABULARY_SIZE,
  hidden_size: 96,
  intermediate_size: 256,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 6,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  initializer_range: 0.05,
  tie_word_embeddings: false,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: 'float32',
};

export function initModelCommand(): Command {
  return new Command('init-model')
    .summary('create a small random model')
    .description('Create a small random model with a byte-level tokenizer, for trials')
    .argument('<folder>', 'output folder')
    .option('--config <file>', "a Hugging Face config.json (default: a tiny Llama; vocab_size is the tokenizer's)")
    .option('--seed <number>', 'random seed of the weights', count, 42)
    .action(async (folder: string, options: { config?: string; seed: number }) => {
      const config = options.config === undefined ? TINY_CONFIG : await readConfig(options.config);
      const count = await initModel(folder, config, options.seed);
      process.stderr.write(`wrote ${folder}: ${config.model_type}, ${count} parameters\n`);
    });
}

/** Writes config.json, model.safetensors and the tokenizer; returns the number of parameters. */
export async function initModel(folder: string, config: Record<string, unknown>, seed: number): Promise<number> {
  const ofTokenizer = { vocab_size: BYTE_VOCABULARY_SIZE, bos_token_id: 0, eos_token_id: 1, pad_token_id: 2 };
  const text = JSON.stringify({ ...config, ...ofTokenizer }, undefined, 2);
  const model = modelFromConfig(JSON.parse(text));
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).includes('config.json')) {
    throw new AlphapoError('already-exists', 'MODEL_EXISTS', `${folder} already has a model; choose another folder`);
  }
  let count = 0;
  const parameters = [...freshParameters(model, seed)].map(({ name, tensor }) => {
    count += tensor.data.length;
    return { name, dtype: 'f32' as const, shape: tensor.shape, data: tensor.data };
  });
  await writeSafetensors(join(folder, 'model.safetensors'), parameters, { format: 'pt' });
  await writeByteTokenizer(folder);
  await writeFile(join(folder, 'config.json'), `${text}\n`);
  return count;
}

async function readConfig(file: string): Promise<Record<string, unknown>> {
  try {
    return parseKeepingNumbers(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new AlphapoError('invalid-argument', 'INVALID_CONFIG_FILE', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** JSON whose numbers are written again as they were: JavaScript would make 30.0 an integer, which transformers refuses. */
function parseKeepingNumbers(text: string): unknown {
  // Node.js has JSON.rawJSON and a reviver's third argument; TypeScript has no types for them yet.
  const { rawJSON } = JSON as unknown as { rawJSON(source: string): unknown };
  const keep = (_key: string, value: unknown, context?: { readonly source: string }) =>
    typeof value === 'number' && context !== undefined ? rawJSON(context.source) : value;
  return JSON.parse(text, keep);
}
