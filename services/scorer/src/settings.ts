import { dtypeSchema, executionProviderSchema } from '@alphapo/contracts';
import { DEFAULT_SCORING } from '@alphapo/engine';
import { modelSettings, referenceModelSettings } from '@alphapo/models';
import { rpcServerSettingsAt } from '@alphapo/rpc';
import type { Settings } from '@alphapo/settings';
import { metricsSettings } from '@alphapo/telemetry';
import { chatTemplateSettings } from '@alphapo/tokenization';
import { z } from 'zod';

/** Beyond this a wait for company is no longer small beside the computation. */
const MAX_LINGER_MS = 1_000;

/** The settings of the scorer. */
export const scorerSettings = {
  ...modelSettings,
  ...referenceModelSettings,
  ...chatTemplateSettings,
  optimizer: {
    schema: z.string().optional(),
    description: 'address of the optimizer to fetch policies from; without it, base model only',
    placeholder: 'host:port',
    variable: 'ALPHAPO_OPTIMIZER',
  },
  device: {
    schema: executionProviderSchema.default('cpu'),
    description: 'device to compute on',
    placeholder: 'cpu|cuda|webgpu',
    variable: 'ALPHAPO_DEVICE',
  },
  dtype: {
    schema: dtypeSchema.default('float32'),
    description: "data type of frozen weights and activations; must be the run's dtype",
    variable: 'ALPHAPO_DTYPE',
  },
  threads: {
    schema: z.int().positive().optional(),
    description: "CPU threads per computation; part of what decides the result's bits (default: all cores)",
  },
  scoreMerging: {
    schema: z.boolean().default(DEFAULT_SCORING.merging === 'on'),
    description: "merge waiting Score calls; off: a score's bits depend only on its own call",
  },
  scoreLingerMs: {
    schema: z.number().nonnegative().max(MAX_LINGER_MS).default(DEFAULT_SCORING.lingerMs),
    description: 'maximum milliseconds that a Score call waits to be merged with others',
  },
  ...metricsSettings,
  ...rpcServerSettingsAt(50052),
} as const satisfies Settings;
