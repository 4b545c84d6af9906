import type { FloatTensors } from '@alphapo/base';
import { type Checkpoint, policyDigest } from '@alphapo/checkpoints';
import type { RunSpecification } from '@alphapo/contracts';
import {
  type AdamWState,
  adamW,
  clipScale,
  initialAdamWState,
  learningRateAt,
  piecesDigests,
  type Runner,
  sharedTensors,
} from '@alphapo/optim';
import { Policy } from './policy.ts';
import type { StepTimes } from './step-times.ts';

/** The whole state of training between two steps. */
export interface TrainingState {
  readonly policy: Policy;
  /** Moments in shared memory. */
  readonly adam: AdamWState;
  /** Offset in `preference-batches` that is read next. */
  readonly nextBatchOffset: bigint;
}

/** The state before the first step. */
export async function initialState(parameters: FloatTensors): Promise<TrainingState> {
  return {
    policy: new Policy({ step: 0, digest: await policyDigest(parameters), tensors: sharedTensors(parameters) }),
    adam: sharedMoments(initialAdamWState(parameters)),
    nextBatchOffset: 0n,
  };
}

export function stateFromCheckpoint(checkpoint: Checkpoint): TrainingState {
  const { step, policyDigest: digest, parameters, adamStep, m, v, nextBatchOffset } = checkpoint;
  return {
    policy: new Policy({ step, digest, tensors: sharedTensors(parameters) }),
    adam: sharedMoments({ step: adamStep, m, v }),
    nextBatchOffset,
  };
}

function sharedMoments({ step, m, v }: AdamWState): AdamWState {
  return { step, m: sharedTensors(m), v: sharedTensors(v) };
}

/** What an optimizer step takes from the batch. */
export interface BatchGradient {
  /** In shared memory. */
  readonly gradient: FloatTensors;
  /** Its global norm before clipping. */
  readonly norm: number;
  /** Offset after the batch's. */
  readonly nextBatchOffset: bigint;
}

/**
 * One optimizer step: clips the batch's gradient to the specified norm, applies AdamW at the schedule's learning rate.
 * Weights and moments are updated in place: the given state is no more.
 */
export async function advance(
  { policy, adam }: TrainingState,
  { gradient, norm, nextBatchOffset }: BatchGradient,
  { optimizer, schedule }: RunSpecification,
  { runner, times }: { readonly runner: Runner; readonly times: StepTimes },
): Promise<{ state: TrainingState; learningRate: number }> {
  const step = policy.step + 1;
  const learningRate = learningRateAt(schedule, optimizer.learningRate, step);
  const tensors = policy.release();
  const gradientScale = clipScale(norm, optimizer.maxGradNorm);
  await adamW(tensors, gradient, adam, { learningRate, gradientScale, settings: optimizer }, runner);
  times.end('update');
  const digest = await policyDigest(tensors, (pieces) => piecesDigests(pieces, runner));
  times.end('digest');
  return { state: { policy: new Policy({ step, digest, tensors }), adam, nextBatchOffset }, learningRate };
}

/** A skipped step: weights and moments are unchanged, the schedule advances. The given state must not be used any more. */
export function skip(
  { policy, adam }: TrainingState,
  nextBatchOffset: bigint,
  { optimizer, schedule }: RunSpecification,
): { state: TrainingState; learningRate: number } {
  const step = policy.step + 1;
  const learningRate = learningRateAt(schedule, optimizer.learningRate, step);
  const same = new Policy({ step, digest: policy.digest, tensors: policy.release() });
  return { state: { policy: same, adam, nextBatchOffset }, learningRate };
}
