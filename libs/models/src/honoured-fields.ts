import type { z } from 'zod';
import { configError, parseConfig } from './config.ts';

/**
 * Fields that transformers writes for any model and that leave log-probabilities alone, whatever their value: where a
 * model comes from, how it is stored, trained with dropout, cached, or sampled from.
 */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'architectures',
  'attn_implementation',
  'auto_map',
  'begin_suppress_tokens',
  'cache_implementation',
  'chunk_size_feed_forward',
  'diversity_penalty',
  'do_sample',
  'dtype',
  'early_stopping',
  'exponential_decay_length_penalty',
  'finetuning_task',
  'gradient_checkpointing',
  'id2label',
  'is_decoder',
  'is_llama_config',
  'label2id',
  'length_penalty',
  'max_length',
  'max_sequence_length',
  'min_length',
  'model_max_length',
  'model_type',
  'no_repeat_ngram_size',
  'num_beam_groups',
  'num_beams',
  'num_labels',
  'num_return_sequences',
  'output_attentions',
  'output_hidden_states',
  'output_past',
  'output_scores',
  // Slices of the same products.
  'pretraining_tp',
  'predict_special_tokens',
  'problem_type',
  'remove_invalid_values',
  'repetition_penalty',
  'return_dict',
  'return_dict_in_generate',
  'suppress_tokens',
  'task_specific_params',
  'temperature',
  'tokenizer_class',
  'top_k',
  'top_p',
  'torch_dtype',
  'torchscript',
  'transformers.js_config',
  'transformers_version',
  'typical_p',
  'use_bfloat16',
  'use_cache',
]);
const WITHOUT_EFFECT_PATTERN = /^_|_token_id$|dropout$|_pdrop$|^summary_|^unsloth_/;

/** What to do about fields that are met often. */
const ADVICE: Readonly<Record<string, string>> = {
  quantization_config: 'Use the checkpoint with weights stored as f32, f16 or bf16',
};

/**
 * Parses the configuration of an architecture. Its fields grow with every release and are off by default: any field
 * that is on (not null, false, 0 or empty) and neither in the schema nor known to change nothing is refused by name,
 * so that nothing is ignored silently.
 */
export function parseModelConfig<S extends z.ZodObject>(schema: S, raw: unknown): z.infer<S> {
  const config = parseConfig(schema, raw);
  refuseOtherFields(schema, config);
  return config;
}

/** Refuses what is on in `options` beyond the fields of the schema. `within`: the field that they stand in. */
export function refuseOtherFields(schema: z.ZodObject, options: object, within?: string): void {
  for (const [key, value] of Object.entries(options)) {
    const known = Object.hasOwn(schema.shape, key) || WITHOUT_EFFECT.has(key) || WITHOUT_EFFECT_PATTERN.test(key);
    if (known || !isOn(value)) continue;
    const advice = ADVICE[key] ?? 'Remove the field if the model does not depend on it';
    configError(within === undefined ? key : `${within}.${key}`, `${brief(value)} is not supported. ${advice}`);
  }
}

function isOn(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

const LONGEST_SHOWN = 80;

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
