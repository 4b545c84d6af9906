import { join } from 'node:path';
import { LONGEST_TIMER_MS } from '@alphapo/base';
import {
  type Adjustment,
  drainTimeSchema,
  parseEnvironment,
  REFERENCE_OBJECTIVES,
  readRunSettings,
  resolveRun,
  topicsWithPrefix,
} from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { resolveAddresses } from '@alphapo/rpc';
import { z } from 'zod';
import type { OptimizerConfig } from './start.ts';

const environmentSchema = z.object({
  ALPHAPO_MODEL: z.string().describe('folder of a Hugging Face model'),
  ALPHAPO_REFERENCE_MODEL: z
    .string()
    .optional()
    .describe(`folder of the model that ${REFERENCE_OBJECTIVES} compare with, the same for optimizer and scorers`),
  ALPHAPO_MODEL_NAME: z
    .string()
    .min(1)
    .optional()
    .describe('what adapters name as their base model, such as owner/name or owner/name@revision'),
  ALPHAPO_SAVE_DTYPE: z
    .enum(['as-stored', 'float32', 'bfloat16', 'float16'])
    .optional()
    .describe('element type of exported models (not adapters); as-stored: that of the base model'),
  ALPHAPO_RUN: z.string().describe('YAML file with the settings of the run'),
  ALPHAPO_FOLDER: z.string().describe('folder for checkpoints and exports; must survive restarts'),
  ALPHAPO_SCORERS: z.string().describe('scorers as host:port, separated by commas; a name may have many addresses'),
  ALPHAPO_ADDRESS: z.string().default('0.0.0.0:50053').describe('host and port to listen on'),
  ALPHAPO_DRAIN_SECONDS: drainTimeSchema,
  ALPHAPO_INIT_ADAPTER: z.string().optional().describe('PEFT adapter folder to start from'),
  ALPHAPO_TOPIC_PREFIX: z.string().default('').describe('put before the names of all topics'),
  ALPHAPO_CHECKPOINT_EVERY: z.coerce.number().int().positive().default(50).describe('steps between checkpoints'),
  ALPHAPO_CHECKPOINTS_KEPT: z.coerce.number().int().positive().default(3).describe('newest checkpoints that are kept'),
  ALPHAPO_CHECKPOINT_KEPT_EVERY: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .describe('checkpoints of every so many steps are kept for good'),
  ALPHAPO_WHEN_FINISHED: z
    .enum(['serve', 'exit'])
    .default('serve')
    .describe('after the last step: go on serving status and policy, or exit with code 0'),
  ALPHAPO_SHARD_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .positive()
    .max(LONGEST_TIMER_MS)
    .default(15 * 60_000)
    .describe('milliseconds that a scorer may take for a shard'),
});

/** The optimizer's configuration from environment variables. Errors: INVALID_CONFIGURATION with the variable. */
export async function optimizerConfigFrom(
  environment: NodeJS.ProcessEnv,
): Promise<OptimizerConfig & { readonly whenFinished: 'serve' | 'exit'; readonly adjustments: readonly Adjustment[] }> {
  const parsed = parseEnvironment(environmentSchema, environment);
  const { ALPHAPO_MODEL: model, ALPHAPO_RUN: runFile } = parsed;
  const settings = await readRunSettings(runFile);
  const scorers = parsed.ALPHAPO_SCORERS.split(',').map((address) => address.trim());
  const { specification, adjustments } = resolveRun(settings, runFacts(await readModelDefinition(model), undefined));
  return {
    model,
    modelName: parsed.ALPHAPO_MODEL_NAME,
    savedDtype: parsed.ALPHAPO_SAVE_DTYPE,
    specification,
    adjustments,
    referenceModel: parsed.ALPHAPO_REFERENCE_MODEL,
    initialAdapter: parsed.ALPHAPO_INIT_ADAPTER,
    address: parsed.ALPHAPO_ADDRESS,
    drainMs: parsed.ALPHAPO_DRAIN_SECONDS,
    checkpointFolder: join(parsed.ALPHAPO_FOLDER, 'checkpoints'),
    exportFolder: join(parsed.ALPHAPO_FOLDER, 'exports'),
    checkpointEvery: parsed.ALPHAPO_CHECKPOINT_EVERY,
    checkpointsKept: {
      newest: parsed.ALPHAPO_CHECKPOINTS_KEPT,
      everySteps: parsed.ALPHAPO_CHECKPOINT_KEPT_EVERY,
    },
    topics: topicsWithPrefix(parsed.ALPHAPO_TOPIC_PREFIX),
    whenFinished: parsed.ALPHAPO_WHEN_FINISHED,
    shardTimeoutMs: parsed.ALPHAPO_SHARD_TIMEOUT_MS,
    discoverScorers: async () => (await Promise.all(scorers.map((scorer) => resolveAddresses(scorer)))).flat(),
  };
}
