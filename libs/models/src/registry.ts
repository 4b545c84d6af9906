import { z } from 'zod';
import { configError, parseConfig } from './config.ts';
import type { ModelDefinition } from './definition.ts';
import { gemma2 } from './gemma2.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { checkDefinition, checkSizes } from './size-limits.ts';

/** Every architecture, under Hugging Face's `model_type`. */
const architectures: Readonly<Record<string, (config: unknown) => ModelDefinition>> = {
  gemma2,
  gpt2,
  llama,
  mistral,
  phi3,
  qwen2,
  qwen3,
};

/** The model that a parsed config.json defines. Errors: MODEL_CONFIG with the field that cannot be honoured. */
export function modelFromConfig(config: unknown): ModelDefinition {
  const { model_type: modelType } = parseConfig(z.looseObject({ model_type: z.string() }), config);
  const architecture = Object.hasOwn(architectures, modelType) ? architectures[modelType] : undefined;
  if (architecture === undefined) {
    return configError(
      'model_type',
      `"${modelType}" is not supported; supported are ${Object.keys(architectures).join(', ')}`,
    );
  }
  checkSizes(config);
  const model = architecture(config);
  checkDefinition(model);
  return model;
}
