import { hostname } from 'node:os';
import { topicSettings } from '@alphapo/contracts';
import { eventLogSettings } from '@alphapo/messaging';
import { rpcServerSettingsAt } from '@alphapo/rpc';
import type { Settings } from '@alphapo/settings';
import { metricsSettings } from '@alphapo/telemetry';
import { z } from 'zod';

const count = z.int().nonnegative();
const positive = z.int().positive();

const workload = z
  .string()
  .regex(/^(deployment|statefulset)\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be deployment/NAME or statefulset/NAME');

/** The settings of the autoscaler. */
export const autoscalerSettings = {
  namespace: {
    schema: z.string().min(1),
    description: 'namespace of the workloads and the Lease',
    placeholder: 'name',
    variable: 'ALPHAPO_NAMESPACE',
  },
  tokenizerWorkload: {
    schema: workload,
    description: 'workload of the tokenizers: deployment/NAME or statefulset/NAME',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_TOKENIZER_WORKLOAD',
  },
  scorerWorkload: {
    schema: workload,
    description: 'workload of the scorers',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_SCORER_WORKLOAD',
  },
  optimizerWorkload: {
    schema: workload,
    description: 'workload of the optimizer',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_OPTIMIZER_WORKLOAD',
  },
  samplerWorkload: {
    schema: workload.optional(),
    description: 'workload of the samplers; without it there are none',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_SAMPLER_WORKLOAD',
  },
  optimizer: {
    schema: z.string(),
    description: 'address of the optimizer',
    placeholder: 'host:port',
    variable: 'ALPHAPO_OPTIMIZER',
  },
  scorers: {
    schema: z.string(),
    description: 'scorers; DNS name that resolves to every ready pod',
    placeholder: 'host:port',
    variable: 'ALPHAPO_SCORERS',
  },
  samplers: {
    schema: z.string().optional(),
    description: 'samplers; DNS name that resolves to every ready pod, and the port of gRPC',
    placeholder: 'host:port',
    variable: 'ALPHAPO_SAMPLERS',
  },
  samplersHttpPort: {
    schema: z.int().min(1).max(65_535).default(8000),
    description: 'HTTP port of the samplers',
    variable: 'ALPHAPO_SAMPLERS_HTTP_PORT',
  },
  httpAddress: {
    schema: z.string().optional(),
    description: 'address where HTTP requests for samplers are taken; without it, gRPC only',
    placeholder: 'host:port',
    variable: 'ALPHAPO_HTTP_ADDRESS',
  },
  lease: {
    schema: z.string().min(1),
    description: 'name of the leader-election Lease',
    placeholder: 'name',
    variable: 'ALPHAPO_LEASE',
  },
  podName: {
    schema: z.string().min(1).default(hostname()),
    description: 'name of this replica',
    placeholder: 'name',
    variable: 'ALPHAPO_POD_NAME',
  },
  kedaAddress: {
    schema: z.string().optional(),
    description: 'address that KEDA asks for desired replicas; if set, KEDA scales instead of the autoscaler',
    placeholder: 'host:port',
    variable: 'ALPHAPO_KEDA_ADDRESS',
  },
  minScorers: {
    schema: count.default(0),
    description: 'minimum scorers, also without work',
    variable: 'ALPHAPO_MIN_SCORERS',
  },
  maxScorers: { schema: positive.default(1), description: 'maximum scorers', variable: 'ALPHAPO_MAX_SCORERS' },
  minTokenizers: {
    schema: count.default(0),
    description: 'minimum tokenizers, also without work',
    variable: 'ALPHAPO_MIN_TOKENIZERS',
  },
  maxTokenizers: { schema: positive.default(1), description: 'maximum tokenizers', variable: 'ALPHAPO_MAX_TOKENIZERS' },
  minSamplers: {
    schema: count.default(0),
    description: 'minimum samplers, also without calls',
    variable: 'ALPHAPO_MIN_SAMPLERS',
  },
  maxSamplers: { schema: positive.default(1), description: 'maximum samplers', variable: 'ALPHAPO_MAX_SAMPLERS' },
  cooldownSeconds: {
    schema: count.default(300),
    description: 'seconds of lower demand before pods are removed',
    variable: 'ALPHAPO_COOLDOWN_SECONDS',
  },
  pollSeconds: {
    schema: z.number().positive().max(60).default(2),
    description: 'seconds between checks of lag and pending work',
    variable: 'ALPHAPO_POLL_SECONDS',
  },
  recordsPerTokenizer: {
    schema: positive.default(10_000),
    description: 'unread preferences per tokenizer',
  },
  shardsPerScorer: {
    schema: positive.default(1),
    description: 'shards of a step per scorer',
  },
  callsPerScorer: {
    schema: positive.default(32),
    description: 'concurrent Score calls per scorer',
  },
  callsPerSampler: {
    schema: positive.default(32),
    description: 'concurrent calls per sampler',
  },
  heldCalls: {
    schema: positive.default(128),
    description:
      'maximum calls that wait for a scorer, and as many for a sampler, per replica of the autoscaler; others are told to retry later',
  },
  callWaitSeconds: {
    schema: positive.default(600),
    description: 'maximum seconds that a call waits for a scorer or sampler; set it longer than their start',
  },
  ...topicSettings,
  ...eventLogSettings,
  ...metricsSettings,
  ...rpcServerSettingsAt(50054),
} as const satisfies Settings;
