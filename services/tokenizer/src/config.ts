import { LONGEST_TIMER_MS } from '@alphapo/base';
import {
  drainTimeSchema,
  parseEnvironment,
  readRunSettings,
  resolveRunSpecification,
  topicsWithPrefix,
} from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { CHAT_TEMPLATE_CHOICES } from '@alphapo/tokenization';
import { z } from 'zod';
import type { TokenizerConfig } from './start.ts';

const DEFAULT_LINGER_MS = 60_000;
/** Hours of training for most models, and megabytes of the topic. */
const DEFAULT_MAX_BATCHES_AHEAD = 1_000;

const environmentSchema = z.object({
  ALPHAPO_MODEL: z.string().describe('folder of a Hugging Face model'),
  ALPHAPO_RUN: z.string().describe('YAML file with the settings of the run'),
  ALPHAPO_ADDRESS: z.string().default('0.0.0.0:50051').describe('host and port to listen on'),
  ALPHAPO_DRAIN_SECONDS: drainTimeSchema,
  ALPHAPO_CHAT_TEMPLATE: z.string().optional().describe(CHAT_TEMPLATE_CHOICES),
  ALPHAPO_TOPIC_PREFIX: z.string().default('').describe('put before the names of all topics'),
  ALPHAPO_PREFERENCES_PARTITIONS: z.coerce
    .number()
    .int()
    .positive()
    .default(1)
    .describe('partitions of the topic of preferences, where it has to be made'),
  ALPHAPO_LINGER_MS: z.coerce
    .number()
    .int()
    .nonnegative()
    .max(LONGEST_TIMER_MS)
    .default(DEFAULT_LINGER_MS)
    .describe('milliseconds after which a partial batch is flushed; 0: only at the end of the data'),
  ALPHAPO_MAX_BATCHES_AHEAD: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(DEFAULT_MAX_BATCHES_AHEAD)
    .describe('batches that wait for the optimizer, at most, counted in offsets of their topic; 0: any number'),
  ALPHAPO_TOKENIZER_PROCESSES: z.coerce
    .number()
    .int()
    .positive()
    .default(1)
    .describe('processes that tokenize, each with the tokenizer in its own memory'),
  ALPHAPO_IGNORE_FIELDS: z
    .string()
    .default('')
    .transform((names) =>
      names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    )
    .describe('further fields of records that are passed over, separated by commas'),
});

/** The tokenizer's configuration from environment variables. Errors: INVALID_CONFIGURATION with the variable. */
export async function tokenizerConfigFrom(environment: NodeJS.ProcessEnv): Promise<TokenizerConfig> {
  const parsed = parseEnvironment(environmentSchema, environment);
  const { ALPHAPO_MODEL: model, ALPHAPO_RUN: runFile } = parsed;
  const settings = await readRunSettings(runFile);
  return {
    model,
    specification: resolveRunSpecification(settings, runFacts(await readModelDefinition(model), undefined)),
    chatTemplate: parsed.ALPHAPO_CHAT_TEMPLATE,
    address: parsed.ALPHAPO_ADDRESS,
    drainMs: parsed.ALPHAPO_DRAIN_SECONDS,
    topics: topicsWithPrefix(parsed.ALPHAPO_TOPIC_PREFIX),
    preferencesPartitions: parsed.ALPHAPO_PREFERENCES_PARTITIONS,
    lingerMs: parsed.ALPHAPO_LINGER_MS === 0 ? undefined : parsed.ALPHAPO_LINGER_MS,
    maxBatchesAhead: parsed.ALPHAPO_MAX_BATCHES_AHEAD === 0 ? undefined : parsed.ALPHAPO_MAX_BATCHES_AHEAD,
    processes: parsed.ALPHAPO_TOKENIZER_PROCESSES,
    ignoreFields: parsed.ALPHAPO_IGNORE_FIELDS,
  };
}
