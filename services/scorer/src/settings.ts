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
    description: 'where policies are fetched; without it: base model only',
    placeholder: 'host:port',
    variable: 'ALPHAPO_OPTIMIZER',
  },
  device: {
    schema: executionProviderSchema.default('cpu'),
    description: 'where to compute',
    placeholder: 'cpu|cuda|webgpu',
    variable: 'ALPHAPO_DEVICE',
  },
  dtype: {
    schema: dtypeSchema.default('float32'),
    description: "element type of frozen weights and activations: the run's dtype",
    variable: 'ALPHAPO_DTYPE',
  },
  threads: {
    schema: z.int().positive().optional(),
    description: 'threads of a computation on the processor; they decide the bits of the result (default: all cores)',
  },
  scoreMerging: {
    schema: z.boolean().default(DEFAULT_SCORING.merging === 'on'),
    description:
      'whether Score calls that wait are computed together; off: the bits of a score depend on its call alone',
  },
  scoreLingerMs: {
    schema: z.number().nonnegative().max(MAX_LINGER_MS).default(DEFAULT_SCORING.lingerMs),
    description: 'milliseconds that a Score call waits, at most, for as many others as there were before',
  },
  ...metricsSettings,
  ...rpcServerSettingsAt(50052),
} as const satisfies Settings;
