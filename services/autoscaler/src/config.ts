import { hostname } from 'node:os';
import { AlphapoError } from '@alphapo/base';
import { drainTimeSchema, parseEnvironment, type Topics, topicsWithPrefix } from '@alphapo/contracts';
import { z } from 'zod';
import type { HeldLimits } from './activator/held-calls.ts';
import type { WorkloadReference } from './kubernetes/index.ts';
import type { ScalingSettings } from './scaling/decide.ts';
import type { PerComponent } from './workloads.ts';

/** Requests of the calls that wait, together: decoded they take several times as much. */
const HELD_BYTES = 32 * 2 ** 20;

const count = z.coerce.number().int().nonnegative();
const positive = z.coerce.number().int().positive();

/** `deployment/NAME` or `statefulset/NAME`. */
const workload = z
  .string()
  .regex(
    /^(deployment|statefulset)\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    'is neither deployment/NAME nor statefulset/NAME',
  )
  .transform((text): WorkloadReference => {
    const slash = text.indexOf('/');
    return { kind: text.slice(0, slash) as WorkloadReference['kind'], name: text.slice(slash + 1) };
  });

const environmentSchema = z.object({
  ALPHAPO_NAMESPACE: z.string().min(1).describe('namespace of the workloads and the lease'),
  ALPHAPO_TOKENIZER_WORKLOAD: workload.describe('what runs the tokenizers'),
  ALPHAPO_SCORER_WORKLOAD: workload.describe('what runs the scorers'),
  ALPHAPO_OPTIMIZER_WORKLOAD: workload.describe('what runs the optimizer'),
  ALPHAPO_OPTIMIZER: z.string().describe('host and port of the optimizer'),
  ALPHAPO_SCORERS: z.string().describe('host:port of the scorers; the name has the address of each ready pod'),
  ALPHAPO_LEASE: z.string().min(1).describe('name of the Lease by which one of the replicas leads'),
  ALPHAPO_POD_NAME: z.string().min(1).default(hostname()).describe('name of this pod'),
  ALPHAPO_ADDRESS: z.string().default('0.0.0.0:50054').describe('host and port at which Score calls arrive'),
  ALPHAPO_KEDA_ADDRESS: z
    .string()
    .optional()
    .describe(
      'host and port at which KEDA asks for the desired replicas; if set, KEDA scales, and the autoscaler does not',
    ),
  ALPHAPO_DRAIN_SECONDS: drainTimeSchema,
  ALPHAPO_TOPIC_PREFIX: z.string().default('').describe('put before the names of all topics'),
  ALPHAPO_MIN_TOKENIZERS: count.default(0),
  ALPHAPO_MAX_TOKENIZERS: positive.default(1),
  ALPHAPO_MIN_SCORERS: count.default(0),
  ALPHAPO_MAX_SCORERS: positive.default(1),
  ALPHAPO_COOLDOWN_SECONDS: count.default(300).describe('how long a need is remembered before pods go'),
  ALPHAPO_POLL_SECONDS: z.coerce.number().positive().max(60).default(2).describe('time between two looks'),
  ALPHAPO_RECORDS_PER_TOKENIZER: positive
    .default(10_000)
    .describe('unread records for which there is one tokenizer more'),
  ALPHAPO_SHARDS_PER_SCORER: positive.default(1).describe('shards of a step for which there is one scorer more'),
  ALPHAPO_CALLS_PER_SCORER: positive.default(32).describe('Score calls at a time for which there is one scorer more'),
  ALPHAPO_HELD_CALLS: positive.default(128).describe('Score calls that wait for a scorer, at most'),
  ALPHAPO_SCORE_WAIT_SECONDS: positive.default(600).describe('how long a Score call waits for a scorer'),
});

export interface AutoscalerConfig {
  readonly namespace: string;
  readonly references: PerComponent<WorkloadReference>;
  /** Host and port of the optimizer. */
  readonly optimizer: string;
  readonly scorers: string;
  readonly lease: string;
  readonly pod: string;
  readonly address: string;
  /** Where KEDA asks, if it scales. */
  readonly kedaAddress: string | undefined;
  /** How long running calls have to end at a graceful stop, in milliseconds; the server's default where undefined. */
  readonly drainMs: number | undefined;
  readonly topics: Topics;
  readonly settings: ScalingSettings;
  readonly pollMs: number;
  /** Score calls that wait for a scorer. */
  readonly held: HeldLimits;
  readonly waitMs: number;
}

/** The autoscaler's configuration from environment variables. Errors: INVALID_CONFIGURATION with the variable. */
export function autoscalerConfigFrom(environment: NodeJS.ProcessEnv): AutoscalerConfig {
  const parsed = parseEnvironment(environmentSchema, environment);
  return {
    namespace: parsed.ALPHAPO_NAMESPACE,
    references: {
      tokenizer: parsed.ALPHAPO_TOKENIZER_WORKLOAD,
      scorer: parsed.ALPHAPO_SCORER_WORKLOAD,
      optimizer: parsed.ALPHAPO_OPTIMIZER_WORKLOAD,
    },
    optimizer: parsed.ALPHAPO_OPTIMIZER,
    scorers: parsed.ALPHAPO_SCORERS,
    lease: parsed.ALPHAPO_LEASE,
    pod: parsed.ALPHAPO_POD_NAME,
    address: parsed.ALPHAPO_ADDRESS,
    kedaAddress: parsed.ALPHAPO_KEDA_ADDRESS,
    drainMs: parsed.ALPHAPO_DRAIN_SECONDS,
    topics: topicsWithPrefix(parsed.ALPHAPO_TOPIC_PREFIX),
    settings: {
      limits: {
        tokenizer: range(parsed.ALPHAPO_MIN_TOKENIZERS, parsed.ALPHAPO_MAX_TOKENIZERS, 'TOKENIZERS'),
        scorer: range(parsed.ALPHAPO_MIN_SCORERS, parsed.ALPHAPO_MAX_SCORERS, 'SCORERS'),
        // One writes the run's state.
        optimizer: { min: 0, max: 1 },
      },
      cooldownMs: parsed.ALPHAPO_COOLDOWN_SECONDS * 1000,
      recordsPerTokenizer: parsed.ALPHAPO_RECORDS_PER_TOKENIZER,
      shardsPerScorer: parsed.ALPHAPO_SHARDS_PER_SCORER,
      callsPerScorer: parsed.ALPHAPO_CALLS_PER_SCORER,
    },
    pollMs: parsed.ALPHAPO_POLL_SECONDS * 1000,
    held: { calls: parsed.ALPHAPO_HELD_CALLS, bytes: HELD_BYTES },
    waitMs: parsed.ALPHAPO_SCORE_WAIT_SECONDS * 1000,
  };
}

function range(min: number, max: number, what: string) {
  if (min <= max) return { min, max };
  const variable = `ALPHAPO_MIN_${what}`;
  throw new AlphapoError(
    'invalid-argument',
    'INVALID_CONFIGURATION',
    `${variable} is ${min}, more than ALPHAPO_MAX_${what}, which is ${max}`,
    { metadata: { variable } },
  );
}
