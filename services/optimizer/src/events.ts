import type { EvaluatedAnswers, EvaluatedPairs, SkippedStep } from '@alphapo/contracts';
import type { TrainingWarning } from '@alphapo/evaluation';
import type { MessagingEvents, Waiting } from '@alphapo/messaging';
import type { RpcEvents } from '@alphapo/rpc';
import type { TelemetryEvents } from '@alphapo/telemetry';
import type { ShardPlace } from './shards.ts';
import type { StepDurations } from './step-times.ts';

/** What an optimizer logs. */
export type OptimizerEvents = RunEvents &
  LedgerEvents &
  CheckpointEvents &
  ScorerPoolEvents &
  MessagingEvents &
  RpcEvents &
  TelemetryEvents;

type RunEvents = {
  /** The state is loaded, and calls are served; training starts after `step`. */
  'optimizer.started': {
    readonly address: string;
    readonly runId: string;
    readonly step: number;
    readonly nextBatchOffset: bigint;
    readonly policyDigest: string;
  };
  /** A setting of the run does not fit the model, and was changed. Level: warn. */
  'setting.adjusted': { readonly message: string };
  /** A step was published. `loss` and `margin`: means over its pairs, before the update. `durationMs`: from the batch on. */
  'step.taken': StepDurations & {
    readonly step: number;
    readonly loss: number;
    readonly margin: number;
    readonly durationMs: number;
  };
  /** Loss or gradient is not finite; the step leaves the weights as they were. Level: error. */
  'step.skipped': SkippedStep & { readonly step: number };
  /** The data ended before the planned steps, or the model collapsed. `message`: which of them. Level: warn. */
  'run.ended-early': { readonly step: number; readonly totalSteps: number; readonly message: string };
  /** The policy was evaluated: on held-out pairs (`accuracy`, `margin`, `logProbChosen`), by answers (the others), or both. */
  'policy.evaluated': EvaluationNumbers & { readonly step: number; readonly durationMs: number };
  /** An evaluation waits for a sampler or the event log; at once and then every half minute. Level: warn. */
  'evaluation.awaited': Waiting;
  /** A record of `topic` is no evaluation, or one on other pairs, prompts or answer lengths, and does not count. Level: warn. */
  'evaluation.passed-over': {
    readonly topic: string;
    readonly offset: bigint;
    readonly reason: 'other-data' | 'unreadable';
  };
  /** The first sign of a `kind` that the run harms its model, and what to change. Level: warn. */
  'run.harms': TrainingWarning;
  /** The last step was taken. */
  'run.finished': { readonly step: number; readonly policyDigest: string };
  /** Training failed at something that a restart does not cure; the optimizer serves FAILED. Level: error. */
  'run.failed': { readonly step: number; readonly error: unknown };
};

/** What the log has of an evaluation: numbers, no texts. */
export type EvaluationNumbers = Partial<
  Pick<EvaluatedPairs, 'accuracy' | 'margin' | 'logProbChosen'> &
    Pick<EvaluatedAnswers, 'right' | 'tokens' | 'ended' | 'repetition' | 'divergence'>
>;

type LedgerEvents = {
  /** The ledger cannot be written; at once and then every half minute, with what to check. Level: warn. */
  'ledger.awaited': Waiting;
  /** The ledger was written after waiting. */
  'ledger.recovered': { readonly doing: string };
  /** It cannot be read how long the topic keeps records: it must keep them permanently. Level: warn. */
  'retention.unknown': { readonly topic: string; readonly error: string };
};

type CheckpointEvents = {
  /** A checkpoint is on disk. `name`: its folder. */
  'checkpoint.written': { readonly step: number; readonly name: string; readonly durationMs: number };
  /** The volume is full. Training continues; each further step tries again. Level: error. */
  'checkpoint.failed': { readonly newestStep: number; readonly retry: string; readonly error: unknown };
  /** A checkpoint is not what was written; the one before it is used. `name`: its folder. Level: error. */
  'checkpoint.damaged': { readonly name: string; readonly reason: string };
  /** There are checkpoints, all damaged: the run is computed again from its start. Level: error. */
  'checkpoint.none-intact': {
    readonly folder: string;
    readonly damaged: readonly string[];
    readonly consequence: string;
  };
};

type ScorerPoolEvents = {
  /** Scorers cannot be looked up; those that are known are kept. Level: warn. */
  'scorer-discovery.failed': { readonly error: unknown };
  /** A call to a scorer failed; it backs off for `retryMs`. `step` and `shard`: what another one computes now. Level: warn. */
  'scorer.failed': ScorerFailure;
  /** A scorer answers wrongly or does not fit the run; it gets no shards for `retryMs`. Level: error. */
  'scorer.quarantined': ScorerFailure;
  /** A second scorer was faster at a shard that this one computed too. */
  'scorer.outpaced': ShardPlace & { readonly scorer: string };
  /** A shard takes too long on `slow`, and was given to `scorer` too. Level: warn. */
  'shard.hedged': ShardPlace & { readonly slow: string; readonly scorer: string };
};

type ScorerFailure = Partial<ShardPlace> & {
  readonly scorer: string;
  readonly retryMs: number;
  readonly error: unknown;
};
