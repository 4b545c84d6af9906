import type { RunStateName } from '@alphapo/contracts';
import { type Component, type PerComponent, perComponent } from '../workloads.ts';

/**
 * The desired pods: a pure function of the current observation and of the need within the cooldown. Scaling up is immediate;
 * scaling down needs a whole cooldown of lower need.
 */

/** Records that a consumer group has not read. */
export interface Lag {
  readonly records: number;
  /** Partitions that have any; a partition is read by one consumer at a time. */
  readonly partitions: number;
}

export interface Observation {
  /** Milliseconds on any steady clock. */
  readonly nowMs: number;
  readonly replicas: PerComponent<number>;
  /** Of `preferences`; undefined: the log does not answer. */
  readonly preferences: Lag | undefined;
  /** Of `preference-batches`; undefined: the log does not answer. */
  readonly batches: Lag | undefined;
  /** What the optimizer says; undefined: there is none, or it does not answer. */
  readonly optimizer: { readonly state: RunStateName; readonly pendingShards: number } | undefined;
  /** The run of the present configuration has taken its last step. */
  readonly runEnded: boolean;
  /** Score calls that wait or are being computed. */
  readonly scoreCalls: number;
  /** Calls of samplers that wait or are being computed. */
  readonly generateCalls: number;
  /** Whether recent calls needed a policy, which only the optimizer has. */
  readonly policyWanted: boolean;
}

export interface ScalingSettings {
  readonly limits: PerComponent<{ readonly min: number; readonly max: number }>;
  /** How long a need is remembered before pods are removed, in milliseconds. */
  readonly cooldownMs: number;
  /** Unread records per tokenizer. */
  readonly recordsPerTokenizer: number;
  /** Shards of a step per scorer. */
  readonly shardsPerScorer: number;
  /** Concurrent Score calls per scorer. */
  readonly callsPerScorer: number;
  /** Concurrent calls per sampler. */
  readonly callsPerSampler: number;
}

/** Why a number of pods is desired; a label of metrics, so there are few. */
type Reason =
  | 'preferences-lag'
  | 'batches-lag'
  | 'optimizer-starting'
  | 'training'
  | 'pending-shards'
  | 'step-running'
  | 'score-calls'
  | 'generate-calls'
  | 'policy-wanted'
  | 'run-paused'
  | 'run-failed'
  | 'run-ended'
  | 'lag-unknown'
  | 'cooldown'
  | 'minimum'
  | 'maximum'
  | 'idle';

export interface Target {
  readonly replicas: number;
  readonly reason: Reason;
}

/** What was needed when; kept between decisions. */
export type History = PerComponent<readonly { readonly atMs: number; readonly replicas: number }[]>;

export interface Decision {
  readonly targets: PerComponent<Target>;
  readonly history: History;
}

/** Decides. Without a history (a leader that has just begun) the pods that there are count as needed now. */
export function decide(seen: Observation, before: History | undefined, settings: ScalingSettings): Decision {
  const needs = perComponent((component) => greatest(NEEDS[component](seen, settings), seen));
  const history = perComponent((component) => {
    const known = before?.[component] ?? [{ atMs: seen.nowMs, replicas: seen.replicas[component] }];
    const recent = known.filter(({ atMs }) => seen.nowMs - atMs < settings.cooldownMs);
    return [...recent, { atMs: seen.nowMs, replicas: needs[component].replicas }];
  });
  const targets = perComponent((component) =>
    limited(heldBack(component, needs[component], seen, history), settings.limits[component]),
  );
  return { targets, history };
}

type Needs = (seen: Observation, settings: ScalingSettings) => readonly Target[];

const NEEDS: PerComponent<Needs> = {
  tokenizer({ preferences, optimizer, runEnded, replicas }, { recordsPerTokenizer }) {
    if (runEnded || optimizer?.state === 'failed') return [];
    if (preferences === undefined) return [{ replicas: replicas.tokenizer, reason: 'lag-unknown' }];
    const wanted = Math.min(Math.ceil(preferences.records / recordsPerTokenizer), preferences.partitions);
    return [{ replicas: wanted, reason: 'preferences-lag' }];
  },

  optimizer({ preferences, batches, optimizer, runEnded, policyWanted, replicas }) {
    const one = (reason: Reason, holds: boolean): Target => ({ replicas: holds ? 1 : 0, reason });
    const wanted = one('policy-wanted', policyWanted);
    if (runEnded) return [wanted];
    return [
      one('training', isTraining(optimizer)),
      one('optimizer-starting', optimizer?.state === 'starting'),
      one('run-paused', optimizer?.state === 'paused'),
      one('run-failed', optimizer?.state === 'failed'),
      one('batches-lag', (batches?.records ?? 0) > 0),
      // Batches will come: it starts while the first one is being made.
      one('preferences-lag', (preferences?.records ?? 0) > 0),
      { replicas: batches === undefined ? replicas.optimizer : 0, reason: 'lag-unknown' },
      wanted,
    ];
  },

  scorer({ batches, optimizer, runEnded, scoreCalls, replicas }, { shardsPerScorer, callsPerScorer }) {
    const scores: Target = { replicas: Math.ceil(scoreCalls / callsPerScorer), reason: 'score-calls' };
    if (runEnded || optimizer?.state === 'paused' || optimizer?.state === 'failed') return [scores];
    const shards = Math.ceil((optimizer?.pendingShards ?? 0) / shardsPerScorer);
    const waiting = (batches?.records ?? 0) > 0;
    return [
      scores,
      { replicas: shards, reason: 'pending-shards' },
      { replicas: isTraining(optimizer) ? 1 : 0, reason: 'training' },
      // The first one starts with the optimizer, not after it: a model takes its time to load.
      { replicas: waiting ? 1 : 0, reason: 'batches-lag' },
      {
        replicas: batches === undefined && optimizer === undefined ? replicas.scorer : 0,
        reason: 'lag-unknown',
      },
    ];
  },

  // Applications need samplers, a run does not.
  sampler({ generateCalls }, { callsPerSampler }) {
    return [{ replicas: Math.ceil(generateCalls / callsPerSampler), reason: 'generate-calls' }];
  },
};

function isTraining(optimizer: Observation['optimizer']): boolean {
  return optimizer?.state === 'training' || optimizer?.state === 'waiting-for-scorers';
}

function greatest(needs: readonly Target[], { runEnded }: Observation): Target {
  const none: Target = { replicas: 0, reason: runEnded ? 'run-ended' : 'idle' };
  return needs.reduce((most, need) => (need.replicas > most.replicas ? need : most), none);
}

/** Removes pods only after the cooldown, and keeps scorers that have a shard of the running step. */
function heldBack(component: Component, need: Target, seen: Observation, history: History): Target {
  const current = seen.replicas[component];
  if (need.replicas >= current) return need;
  const remembered = Math.max(...history[component].map(({ replicas }) => replicas));
  const inUse = component === 'scorer' ? Math.min(seen.optimizer?.pendingShards ?? 0, current) : 0;
  const kept = Math.min(current, Math.max(remembered, inUse));
  if (kept <= need.replicas) return need;
  return { replicas: kept, reason: inUse >= remembered ? 'step-running' : 'cooldown' };
}

function limited({ replicas, reason }: Target, { min, max }: { readonly min: number; readonly max: number }): Target {
  if (replicas < min) return { replicas: min, reason: 'minimum' };
  return replicas > max ? { replicas: max, reason: 'maximum' } : { replicas, reason };
}
