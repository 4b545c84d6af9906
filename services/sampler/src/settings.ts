import { dtypeSchema, executionProviderSchema } from '@alphapo/contracts';
import { modelSettings } from '@alphapo/models';
import { rpcServerSettingsAt } from '@alphapo/rpc';
import type { Settings } from '@alphapo/settings';
import { metricsSettings } from '@alphapo/telemetry';
import { chatTemplateSettings } from '@alphapo/tokenization';
import { z } from 'zod';

/** Room for some twenty thousand tokens of a model with 135 million parameters. */
const DEFAULT_CACHE_MIB = 1024;

/** The settings of the sampler. */
export const samplerSettings = {
  ...modelSettings,
  ...chatTemplateSettings,
  modelName: {
    schema: z.string().min(1).optional(),
    description: 'name of the base model in HTTP requests (default: name of the model folder)',
    placeholder: 'name',
    variable: 'ALPHAPO_MODEL_NAME',
  },
  adapters: {
    schema: z.array(z.string().regex(/^[^=\s]+=.+$/, 'must be NAME=FOLDER')).default([]),
    description: 'PEFT adapters to serve, each under a name',
    placeholder: 'name=folder,…',
    variable: 'ALPHAPO_ADAPTERS',
  },
  optimizer: {
    schema: z.string().optional(),
    description: 'address of the optimizer to fetch policies from; without it, base model and adapters only',
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
    description: 'data type of weights and activations',
    variable: 'ALPHAPO_DTYPE',
  },
  threads: {
    schema: z.int().positive().optional(),
    description: 'CPU threads per computation (default: all cores)',
  },
  cacheMib: {
    schema: z.int().positive().default(DEFAULT_CACHE_MIB),
    description: 'memory for keys and values of running answers, in MiB; further answers wait',
  },
  httpAddress: {
    schema: z.string().optional(),
    description: 'address of the OpenAI-compatible HTTP API; without it, gRPC only',
    placeholder: 'host:port',
    variable: 'ALPHAPO_HTTP_ADDRESS',
  },
  ...metricsSettings,
  ...rpcServerSettingsAt(50055),
} as const satisfies Settings;
