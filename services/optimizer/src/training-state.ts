import type { FloatTensors } from '@alphapo/base';
import { floatTensor } from '@alphapo/base';
import { type Checkpoint, policyDigest } from '@alphapo/checkpoints';
import type { RunSpecification } from '@alphapo/contracts';
import { type AdamWState, adamW, clipScale, globalNorm, initialAdamWState, learningRateAt } from '@alphapo/optim';

/** The weights after a number of steps, as scorers fetch them. Never changed once made. */
export interface Policy {
  readonly step: number;
  readonly digest: string;
  readonly tensors: FloatTensors;
}

/** The whole state of training between two steps. */
export interface TrainingState {
  readonly policy: Policy;
  readonly adam: AdamWState;
  /** Offset in `preference-batches` that is read next. */
  readonly nextBatchOffset: bigint;
}

/** The state before the first step. */
export function initialState(parameters: FloatTensors): TrainingState {
  return {
    policy: { step: 0, digest: policyDigest(parameters), tensors: parameters },
    adam: initialAdamWState(parameters),
    nextBatchOffset: 0n,
  };
}

export function stateFromCheckpoint(checkpoint: Checkpoint): TrainingState {
  return {
    policy: { step: checkpoint.step, digest: checkpoint.policyDigest, tensors: checkpoint.parameters },
    adam: { step: checkpoint.adamStep, m: checkpoint.m, v: checkpoint.v },
    nextBatchOffset: checkpoint.nextBatchOffset,
  };
}

/**
 * One optimizer step: clips the batch's gradient to the specified norm, applies AdamW at the schedule's learning rate.
 * The new policy has tensors of its own, so that scorers may still read the old one; the moments are updated in place.
 *
 * Throws NON_FINITE_GRADIENT before anything is changed.
 */
export function advance(
  state: TrainingState,
  gradient: FloatTensors,
  specification: RunSpecification,
  nextBatchOffset: bigint,
): { state: TrainingState; learningRate: number; gradNorm: number } {
  const { optimizer, schedule } = specification;
  const step = state.policy.step + 1;
  const gradNorm = globalNorm(gradient);
  const learningRate = learningRateAt(schedule, optimizer.learningRate, step);
  const tensors = copyOf(state.policy.tensors);
  adamW(tensors, gradient, state.adam, {
    learningRate,
    gradientScale: clipScale(gradNorm, optimizer.maxGradNorm),
    settings: optimizer,
  });
  const policy = { step, digest: policyDigest(tensors), tensors };
  return { state: { policy, adam: state.adam, nextBatchOffset }, learningRate, gradNorm };
}

function copyOf(tensors: FloatTensors): FloatTensors {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, floatTensor(shape, data.slice())]));
}
