import { parseHostAndPort } from '@alphapo/base';
import {
  type GetStatusResponse,
  type OptimizerServiceDefinition,
  runStateFromWire,
  ScorerState,
  type Topics,
} from '@alphapo/contracts';
import type { Client } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import { type PerComponent, perComponent, type WorkloadState, type Workloads } from '../workloads.ts';
import { markedCalls } from './call-marks.ts';
import type { Observation } from './decide.ts';
import type { Lags } from './lags.ts';
import { isRunEnded } from './run-end.ts';

const STATUS_MS = 3_000;

export interface ObserverParts {
  readonly workloads: Workloads;
  readonly lags: Lags;
  readonly topics: Topics;
  readonly optimizer: Client<OptimizerServiceDefinition>;
  readonly logger: Logger<AutoscalerEvents>;
}

/** What is seen at a moment, and the workloads as they were then. */
export interface ClusterSnapshot {
  readonly observation: Observation;
  readonly states: PerComponent<WorkloadState>;
  /** IP addresses of the scorers that compute a shard. */
  readonly busyScorers: ReadonlySet<string>;
  /** What the optimizer says beside its state, such as why a run ended early; empty: nothing, or it does not answer. */
  readonly optimizerMessage: string;
}

/** Looks at everything that decisions go by. Errors: those of reading workloads; the rest may be missing. */
export async function observe({ workloads, lags, topics, optimizer, logger }: ObserverParts): Promise<ClusterSnapshot> {
  const [tokenizer, scorer, optimizerState, sampler, preferences, batches] = await Promise.all([
    workloads.read('tokenizer'),
    workloads.read('scorer'),
    workloads.read('optimizer'),
    workloads.read('sampler'),
    lags.of(topics.tokenizerGroup, topics.preferences),
    lags.of(topics.optimizerGroup, topics.preferenceBatches),
  ]);
  const states = { tokenizer, scorer, optimizer: optimizerState, sampler };
  const status = optimizerState.readyReplicas > 0 ? await statusOf(optimizer, logger) : undefined;
  const state = status && runStateFromWire(status.state);
  const nowMs = Date.now();
  return {
    states,
    busyScorers: new Set(status?.scorerStatuses.flatMap(({ address, state: doing }) => busyAddress(address, doing))),
    optimizerMessage: status?.message ?? '',
    observation: {
      nowMs: performance.now(),
      replicas: perComponent((component) => states[component].replicas),
      preferences,
      batches,
      optimizer: status && state && { state, pendingShards: status.pendingShards },
      runEnded: state === undefined ? isRunEnded(optimizerState) : state === 'finished',
      scoreCalls: markedCalls(scorer, nowMs),
      generateCalls: markedCalls(sampler, nowMs),
      policyWanted: markedCalls(optimizerState, nowMs) > 0,
    },
  };
}

function busyAddress(address: string, doing: ScorerState): string[] {
  return doing === ScorerState.COMPUTING ? [parseHostAndPort(address).host] : [];
}

async function statusOf(
  optimizer: Client<OptimizerServiceDefinition>,
  logger: Logger<AutoscalerEvents>,
): Promise<GetStatusResponse | undefined> {
  try {
    return await optimizer.getStatus({}, { timeoutMs: STATUS_MS });
  } catch (error) {
    logger.warn('optimizer.silent', { error });
    return undefined;
  }
}
