import { parseHostAndPort } from '@alphapo/base';
import {
  type GetStatusResponse,
  type OptimizerServiceClient,
  ScorerState,
  type Topics,
  RunState as WireRunState,
} from '@alphapo/contracts';
import { type Connection, callUnary } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import { type PerComponent, perComponent, type WorkloadState, type Workloads } from '../workloads.ts';
import type { Observation, RunState } from './decide.ts';
import type { Lags } from './lags.ts';
import { isRunEnded } from './run-end.ts';
import { markedCalls } from './score-marks.ts';

const STATUS_MS = 3_000;

const RUN_STATES: Readonly<Partial<Record<WireRunState, RunState>>> = {
  [WireRunState.STARTING]: 'starting',
  [WireRunState.WAITING_FOR_BATCHES]: 'waiting-for-batches',
  [WireRunState.WAITING_FOR_SCORERS]: 'waiting-for-scorers',
  [WireRunState.TRAINING]: 'training',
  [WireRunState.PAUSED]: 'paused',
  [WireRunState.FINISHED]: 'finished',
  [WireRunState.FAILED]: 'failed',
};

export interface ObserverParts {
  readonly workloads: Workloads;
  readonly lags: Lags;
  readonly topics: Topics;
  readonly optimizer: Connection<OptimizerServiceClient>;
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
  const [tokenizer, scorer, optimizerState, preferences, batches] = await Promise.all([
    workloads.read('tokenizer'),
    workloads.read('scorer'),
    workloads.read('optimizer'),
    lags.of(topics.tokenizerGroup, topics.preferences),
    lags.of(topics.optimizerGroup, topics.preferenceBatches),
  ]);
  const states = { tokenizer, scorer, optimizer: optimizerState };
  const status = optimizerState.readyReplicas > 0 ? await statusOf(optimizer, logger) : undefined;
  const state = status && RUN_STATES[status.state];
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
      policyWanted: markedCalls(optimizerState, nowMs) > 0,
    },
  };
}

function busyAddress(address: string, doing: ScorerState): string[] {
  return doing === ScorerState.COMPUTING ? [parseHostAndPort(address).host] : [];
}

async function statusOf(
  optimizer: Connection<OptimizerServiceClient>,
  logger: Logger<AutoscalerEvents>,
): Promise<GetStatusResponse | undefined> {
  try {
    return await callUnary(optimizer, 'getStatus', {}, { timeoutMs: STATUS_MS });
  } catch (error) {
    logger.warn('optimizer.silent', { error });
    return undefined;
  }
}
