import { canonicalJson, sha256 } from '@alphapo/base';
import { z } from 'zod';
import { objectiveSchema } from '../objective/objective.ts';
import { computeSettingsSchema } from './compute-settings.ts';
import { dtypeSchema } from './dtype.ts';

/** What is trained: low-rank factors beside frozen weights (arXiv:2106.09685), or every weight. */
export const trainingMethodSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('lora'),
    rank: z.int().positive(),
    alpha: z.number().positive(),
    /** Module names as in PEFT's `target_modules`, e.g. `q_proj`. */
    targets: z.array(z.string().min(1)).min(1),
  }),
  z.strictObject({ kind: z.literal('full') }),
]);

export type TrainingMethod = z.infer<typeof trainingMethodSchema>;

/**
 * Everything that decides the weights a run ends with, besides the model and the batches. Two runs with equal
 * specifications, equal start and equal batches end with equal weights, to the bit.
 *
 * Runs outlive releases, and are known by the digest of this: a field that a later release adds is optional, without a default, and
 * means what was done before where it is absent.
 */
export const runSpecificationSchema = z.strictObject({
  objective: objectiveSchema,
  method: trainingMethodSchema,
  optimizer: z.strictObject({
    /** Peak of the schedule. */
    learningRate: z.number().positive(),
    beta1: z.number().min(0).lt(1),
    beta2: z.number().min(0).lt(1),
    epsilon: z.number().positive(),
    /** Decoupled; on tensors of two or more dimensions only. */
    weightDecay: z.number().nonnegative(),
    /** Global L2 norm; 0 turns clipping off. */
    maxGradNorm: z.number().nonnegative(),
  }),
  schedule: z.strictObject({
    kind: z.enum(['cosine', 'linear', 'constant']),
    warmupSteps: z.int().nonnegative(),
    totalSteps: z.int().positive(),
  }),
  batch: z.strictObject({
    /** Pairs per optimizer step. */
    pairs: z.int().positive(),
    /** Parts a batch is cut into for the scorers. Fixed, so that sums do not depend on how many scorers there are. */
    shards: z.int().positive(),
  }),
  lengths: z.strictObject({
    /** Longest prompt + response, in tokens. */
    maxLength: z.int().min(2),
    maxPromptLength: z.int().positive(),
  }),
  compute: computeSettingsSchema,
  /** A batch whose loss or gradient is not finite stops the run, or makes a step that leaves the weights as they are. */
  onNonFinite: z.enum(['stop', 'skip']).default('stop'),
  dtype: dtypeSchema.default('float32'),
  seed: z.int().nonnegative(),
});

export type RunSpecification = z.infer<typeof runSpecificationSchema>;

/** The digest under which batches, checkpoints and steps of a run are filed. */
export function runSpecificationDigest(specification: RunSpecification): string {
  return sha256(canonicalJson(specification));
}
