import { z } from 'zod';
import { parseConfig, positive } from './config.ts';
import type { ModelDefinition } from './definition.ts';
import { llamaLike } from './llama.ts';

const windowSchema = z.looseObject({ sliding_window: positive.nullish() });

/** Mistral 7B (arXiv:2310.06825): Llama with a sliding window in every layer. */
export function mistral(config: unknown): ModelDefinition {
  return llamaLike(config, (parsed) => ({
    modelType: 'mistral',
    slidingWindow: parseConfig(windowSchema, parsed).sliding_window ?? undefined,
  }));
}
