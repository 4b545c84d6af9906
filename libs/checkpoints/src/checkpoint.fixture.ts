import { type FloatTensors, floatTensor, sha256 } from '@alphapo/base';
import { type RunSpecification, runSpecificationDigest } from '@alphapo/contracts';
import type { Checkpoint } from './checkpoint.ts';

const specification: RunSpecification = {
  objective: { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 },
  method: { kind: 'lora', rank: 2, alpha: 4, targets: ['q_proj'] },
  optimizer: { learningRate: 7e-7, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 },
  schedule: { kind: 'cosine', warmupSteps: 2, totalSteps: 20 },
  batch: { pairs: 4, shards: 2 },
  lengths: { maxLength: 128, maxPromptLength: 64 },
  onNonFinite: 'stop',
  compute: { packTokens: 1024, activations: 'kept', weights: 'packed' },
  dtype: 'float32',
  seed: 7,
};

/** For tests: three tensors, whose order is not that of their names, with every kind of float32. */
export function someTensors(seed: number): FloatTensors {
  const special = Float32Array.of(seed, -0, 2 ** -149, 3.4028235e38, 1 / 3, -(2 ** -126));
  return new Map([
    ['z', floatTensor([2, 3], special)],
    ['a', floatTensor([1], Float32Array.of(seed / 7))],
    ['m', floatTensor([0, 4])],
  ]);
}

/** For tests: a checkpoint with defaults. */
export function someCheckpoint(step: number, overrides: Partial<Checkpoint> = {}): Checkpoint {
  const parameters = someTensors(step);
  return {
    runId: 'run-1',
    step,
    nextBatchOffset: 2n ** 60n + BigInt(step),
    specification,
    specificationDigest: runSpecificationDigest(specification),
    modelDigest: `sha256:${'a'.repeat(64)}`,
    policyDigest: sha256(`policy ${step}`),
    tokenizerDigest: `sha256:${'b'.repeat(64)}`,
    chatTemplateDigest: `sha256:${'c'.repeat(64)}`,
    adamStep: step,
    parameters,
    m: someTensors(step + 0.25),
    v: someTensors(step + 0.5),
    ...overrides,
  };
}
