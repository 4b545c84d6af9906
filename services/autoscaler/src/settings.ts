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
  .regex(
    /^(deployment|statefulset)\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    'is neither deployment/NAME nor statefulset/NAME',
  );

/** The settings of the autoscaler. */
export const autoscalerSettings = {
  namespace: {
    schema: z.string().min(1),
    description: 'namespace of the workloads and the lease',
    placeholder: 'name',
    variable: 'ALPHAPO_NAMESPACE',
  },
  tokenizerWorkload: {
    schema: workload,
    description: 'what runs the tokenizers: deployment/NAME or statefulset/NAME',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_TOKENIZER_WORKLOAD',
  },
  scorerWorkload: {
    schema: workload,
    description: 'what runs the scorers',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_SCORER_WORKLOAD',
  },
  optimizerWorkload: {
    schema: workload,
    description: 'what runs the optimizer',
    placeholder: 'kind/name',
    variable: 'ALPHAPO_OPTIMIZER_WORKLOAD',
  },
  optimizer: {
    schema: z.string(),
    description: 'the optimizer',
    placeholder: 'host:port',
    variable: 'ALPHAPO_OPTIMIZER',
  },
  scorers: {
    schema: z.string(),
    description: 'the scorers; the name has the address of each ready pod',
    placeholder: 'host:port',
    variable: 'ALPHAPO_SCORERS',
  },
  lease: {
    schema: z.string().min(1),
    description: 'Lease by which one of the replicas leads',
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
    description: 'where KEDA asks for the desired replicas; if set, KEDA scales, and the autoscaler does not',
    placeholder: 'host:port',
    variable: 'ALPHAPO_KEDA_ADDRESS',
  },
  minScorers: {
    schema: count.default(0),
    description: 'scorers that are there without work',
    variable: 'ALPHAPO_MIN_SCORERS',
  },
  maxScorers: { schema: positive.default(1), description: 'scorers at most', variable: 'ALPHAPO_MAX_SCORERS' },
  minTokenizers: {
    schema: count.default(0),
    description: 'tokenizers that are there without work',
    variable: 'ALPHAPO_MIN_TOKENIZERS',
  },
  maxTokenizers: { schema: positive.default(1), description: 'tokenizers at most', variable: 'ALPHAPO_MAX_TOKENIZERS' },
  cooldownSeconds: {
    schema: count.default(300),
    description: 'seconds without work before pods are taken away',
    variable: 'ALPHAPO_COOLDOWN_SECONDS',
  },
  pollSeconds: {
    schema: z.number().positive().max(60).default(2),
    description: 'seconds between two looks at lag and pending work',
    variable: 'ALPHAPO_POLL_SECONDS',
  },
  recordsPerTokenizer: {
    schema: positive.default(10_000),
    description: 'unread preferences for which there is one tokenizer more',
  },
  shardsPerScorer: {
    schema: positive.default(1),
    description: 'shards of a step for which there is one scorer more',
  },
  callsPerScorer: {
    schema: positive.default(32),
    description: 'Score calls at a time for which there is one scorer more',
  },
  heldCalls: {
    schema: positive.default(128),
    description:
      'Score calls that wait for a scorer in each replica of the autoscaler; further ones are told to come back',
  },
  scoreWaitSeconds: {
    schema: positive.default(600),
    description: 'seconds that a Score call waits for a scorer, at most: longer than a scorer takes to start',
  },
  ...topicSettings,
  ...eventLogSettings,
  ...metricsSettings,
  ...rpcServerSettingsAt(50054),
} as const satisfies Settings;
