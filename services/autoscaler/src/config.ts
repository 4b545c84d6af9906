import { type Topics, topicsWithPrefix } from '@alphapo/contracts';
import { drainMsOf } from '@alphapo/rpc';
import { invalidConfiguration, resolveSettings, type SettingSources, type ValuesOf } from '@alphapo/settings';
import type { HeldLimits } from './activator/held-calls.ts';
import type { SamplersConfig } from './activator/start.ts';
import type { WorkloadReference } from './kubernetes/index.ts';
import type { ScalingSettings } from './scaling/decide.ts';
import { autoscalerSettings } from './settings.ts';
import type { PerComponent } from './workloads.ts';

/** Requests of the calls that wait, together: decoded they take several times as much. */
const HELD_BYTES = 32 * 2 ** 20;

export interface AutoscalerConfig {
  readonly namespace: string;
  /** Undefined: not installed. */
  readonly references: PerComponent<WorkloadReference | undefined>;
  /** Host and port of the optimizer. */
  readonly optimizer: string;
  readonly scorers: string;
  /** Undefined: there are none. */
  readonly samplers: SamplersConfig | undefined;
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
  /** Calls that wait for a scorer, and as many for a sampler. */
  readonly held: HeldLimits;
  readonly waitMs: number;
}

/** The autoscaler's configuration. Errors: INVALID_CONFIGURATION with the setting. */
export function autoscalerConfigFrom(sources: SettingSources): AutoscalerConfig {
  const values = resolveSettings(autoscalerSettings, sources);
  const samplers = samplersOf(values);
  return {
    namespace: values.namespace,
    references: {
      tokenizer: referenceOf(values.tokenizerWorkload),
      scorer: referenceOf(values.scorerWorkload),
      optimizer: referenceOf(values.optimizerWorkload),
      sampler: values.samplerWorkload === undefined ? undefined : referenceOf(values.samplerWorkload),
    },
    optimizer: values.optimizer,
    scorers: values.scorers,
    samplers,
    lease: values.lease,
    pod: values.podName,
    address: values.address,
    kedaAddress: values.kedaAddress,
    drainMs: drainMsOf(values),
    topics: topicsWithPrefix(values.topicPrefix),
    settings: {
      limits: {
        tokenizer: range(values.minTokenizers, values.maxTokenizers, 'TOKENIZERS'),
        scorer: range(values.minScorers, values.maxScorers, 'SCORERS'),
        // One writes the run's state.
        optimizer: { min: 0, max: 1 },
        sampler:
          samplers === undefined ? { min: 0, max: 0 } : range(values.minSamplers, values.maxSamplers, 'SAMPLERS'),
      },
      cooldownMs: values.cooldownSeconds * 1000,
      recordsPerTokenizer: values.recordsPerTokenizer,
      shardsPerScorer: values.shardsPerScorer,
      callsPerScorer: values.callsPerScorer,
      callsPerSampler: values.callsPerSampler,
    },
    pollMs: values.pollSeconds * 1000,
    held: { calls: values.heldCalls, bytes: HELD_BYTES },
    waitMs: values.callWaitSeconds * 1000,
  };
}

function samplersOf(values: ValuesOf<typeof autoscalerSettings>): SamplersConfig | undefined {
  const { samplerWorkload, samplers, samplersHttpPort, httpAddress } = values;
  if (samplerWorkload === undefined) return undefined;
  if (samplers !== undefined) return { pods: samplers, httpPort: samplersHttpPort, httpAddress };
  throw invalidConfiguration('ALPHAPO_SAMPLERS', 'is required with ALPHAPO_SAMPLER_WORKLOAD');
}

/** `kind/name`, as the settings' pattern has checked it. */
function referenceOf(text: string): WorkloadReference {
  const slash = text.indexOf('/');
  return { kind: text.slice(0, slash) as WorkloadReference['kind'], name: text.slice(slash + 1) };
}

function range(min: number, max: number, what: string) {
  if (min <= max) return { min, max };
  throw invalidConfiguration(`ALPHAPO_MIN_${what}`, `is ${min}, more than ALPHAPO_MAX_${what}, which is ${max}`);
}
