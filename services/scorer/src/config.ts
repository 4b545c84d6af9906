import {
  drainTimeSchema,
  dtypeSchema,
  executionProviderSchema,
  parseEnvironment,
  REFERENCE_OBJECTIVES,
} from '@alphapo/contracts';
import { DEFAULT_SCORING } from '@alphapo/engine';
import { CHAT_TEMPLATE_CHOICES } from '@alphapo/tokenization';
import { z } from 'zod';
import type { ScorerConfig } from './start.ts';

/** Beyond this a wait for company is no longer small beside the computation. */
const MAX_LINGER_MS = 1_000;

const environmentSchema = z.object({
  ALPHAPO_MODEL: z.string().describe('folder of a Hugging Face model'),
  ALPHAPO_REFERENCE_MODEL: z
    .string()
    .optional()
    .describe(`folder of the model that ${REFERENCE_OBJECTIVES} compare with, the same for optimizer and scorers`),
  ALPHAPO_ADDRESS: z.string().default('0.0.0.0:50052').describe('host and port to listen on'),
  ALPHAPO_DRAIN_SECONDS: drainTimeSchema,
  ALPHAPO_OPTIMIZER: z.string().optional().describe('host and port of the optimizer'),
  ALPHAPO_DEVICE: executionProviderSchema.default('cpu').describe('where to compute'),
  ALPHAPO_DTYPE: dtypeSchema.default('float32').describe('element type of frozen weights and activations'),
  ALPHAPO_THREADS: z.coerce.number().int().positive().optional(),
  ALPHAPO_CHAT_TEMPLATE: z.string().optional().describe(CHAT_TEMPLATE_CHOICES),
  ALPHAPO_SCORE_MERGING: z
    .enum(['on', 'off'])
    .default(DEFAULT_SCORING.merging)
    .describe('whether Score calls that wait are computed together; off: the bits of a score depend on its call alone'),
  ALPHAPO_SCORE_LINGER_MS: z.coerce
    .number()
    .nonnegative()
    .max(MAX_LINGER_MS)
    .default(DEFAULT_SCORING.lingerMs)
    .describe('milliseconds that a Score call waits, at most, for as many others as there were before'),
});

/** The scorer's configuration from environment variables. Errors: INVALID_CONFIGURATION with the variable. */
export function scorerConfigFrom(environment: NodeJS.ProcessEnv): ScorerConfig {
  const parsed = parseEnvironment(environmentSchema, environment);
  return {
    model: parsed.ALPHAPO_MODEL,
    referenceModel: parsed.ALPHAPO_REFERENCE_MODEL,
    address: parsed.ALPHAPO_ADDRESS,
    drainMs: parsed.ALPHAPO_DRAIN_SECONDS,
    optimizerAddress: parsed.ALPHAPO_OPTIMIZER,
    executionProvider: parsed.ALPHAPO_DEVICE,
    dtype: parsed.ALPHAPO_DTYPE,
    threads: parsed.ALPHAPO_THREADS,
    chatTemplate: parsed.ALPHAPO_CHAT_TEMPLATE,
    scoring: { merging: parsed.ALPHAPO_SCORE_MERGING, lingerMs: parsed.ALPHAPO_SCORE_LINGER_MS },
  };
}
