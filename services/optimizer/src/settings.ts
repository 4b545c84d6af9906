import { LONGEST_TIMER_MS } from '@alphapo/base';
import { DEFAULT_ANSWER_TOKENS, runFileSettings, topicSettings } from '@alphapo/contracts';
import { eventLogSettings } from '@alphapo/messaging';
import { modelSettings, referenceModelSettings } from '@alphapo/models';
import { rpcServerSettingsAt } from '@alphapo/rpc';
import type { Settings } from '@alphapo/settings';
import { metricsSettings } from '@alphapo/telemetry';
import { chatTemplateSettings } from '@alphapo/tokenization';
import { z } from 'zod';

/** The settings of the optimizer. */
export const optimizerSettings = {
  ...modelSettings,
  baseModelName: {
    schema: z.string().min(1).optional(),
    description:
      "base model name in exports: owner/name, owner/name@revision or a path (default: the hub's name if known)",
    placeholder: 'name',
    variable: 'ALPHAPO_BASE_MODEL_NAME',
  },
  ...chatTemplateSettings,
  ...referenceModelSettings,
  ...runFileSettings,
  folder: {
    schema: z.string(),
    description: 'folder for checkpoints and exports; it must survive restarts',
    placeholder: 'folder',
    variable: 'ALPHAPO_FOLDER',
  },
  scorers: {
    schema: z.array(z.string()).min(1),
    description: 'scorers; a name may have many addresses',
    placeholder: 'host:port,…',
    variable: 'ALPHAPO_SCORERS',
  },
  saveDtype: {
    schema: z.enum(['as-stored', 'float32', 'bfloat16', 'float16']).optional(),
    description: 'data type of exported models, not of adapters; as-stored: that of the base model',
  },
  initAdapter: {
    schema: z.string().optional(),
    description: 'folder of a PEFT adapter to start from',
    placeholder: 'folder',
  },
  checkpointEvery: {
    schema: z.int().positive().default(50),
    description: 'steps between checkpoints',
    placeholder: 'steps',
  },
  checkpointsKept: {
    schema: z.int().positive().default(3),
    description: 'number of newest checkpoints to keep',
  },
  checkpointKeptEvery: {
    schema: z.int().positive().optional(),
    description: "also keep every Nth step's checkpoint permanently",
    placeholder: 'steps',
  },
  evalData: {
    schema: z.array(z.string()).default([]),
    description: 'files of held-out pairs, scored at every evaluation',
    placeholder: 'file,…',
    variable: 'ALPHAPO_EVAL_DATA',
  },
  ignoreFields: {
    schema: z.array(z.string().regex(/^[^,]+$/)).default([]),
    description: 'fields of evalData records to ignore, as the tokenizer does with those of preferences',
    placeholder: 'field,…',
  },
  evalPrompts: {
    schema: z.string().optional(),
    description:
      'file of prompts, perhaps with right answers, that the policy answers at every evaluation; needs a sampler',
    placeholder: 'file',
    variable: 'ALPHAPO_EVAL_PROMPTS',
  },
  evalEvery: {
    schema: z.int().nonnegative().default(50),
    description: 'steps between evaluations; 0: only before the first step and after the last',
    placeholder: 'steps',
  },
  evalMaxTokens: {
    schema: z.int().positive().default(DEFAULT_ANSWER_TOKENS),
    description: 'maximum tokens of an answer to an evaluation prompt',
  },
  sampler: {
    schema: z.string().optional(),
    description: 'address of the sampler that answers evaluation prompts',
    placeholder: 'host:port',
    variable: 'ALPHAPO_SAMPLER',
  },
  stopOnCollapse: {
    schema: z.boolean().default(false),
    description: 'end the run when answers get worse; the best policy before is exported as best',
  },
  whenFinished: {
    schema: z.enum(['serve', 'exit']).default('serve'),
    description: 'after the last step: keep serving status and policy, or exit with code 0',
  },
  shardTimeoutSeconds: {
    schema: z
      .number()
      .positive()
      .max(LONGEST_TIMER_MS / 1000)
      .default(900),
    description: 'seconds before a shard is reassigned to another scorer',
  },
  ...topicSettings,
  ...eventLogSettings,
  ...metricsSettings,
  ...rpcServerSettingsAt(50053),
} as const satisfies Settings;
