import { z } from 'zod';
import { computeFingerprintSchema } from './compute-fingerprint.ts';

/** A number that JSON has as null, and programs as NaN, where it is not finite: in steps that were skipped. */
const measured = z.preprocess(
  (value) =>
    value === null || value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY ? Number.NaN : value,
  z.union([z.number(), z.nan()]),
);

/** Why a step left the weights as they were. */
const skippedStepSchema = z.object({
  reason: z.enum(['NON_FINITE_LOSS', 'NON_FINITE_GRADIENT']),
  /** Pairs whose numbers are not finite, as far as they can be told from the others. */
  pairIds: z.array(z.string()),
});

export type SkippedStep = z.infer<typeof skippedStepSchema>;

/**
 * A record of `training-steps`: one optimizer step. Means are over the pairs of the batch and were taken before the
 * update. Offsets are strings of digits, because JSON has no 64-bit integers.
 */
export const trainingStepSchema = z.object({
  runId: z.string(),
  /** Counted from 1. */
  step: z.int().positive(),
  batchOffset: z.string().regex(/^\d+$/),
  /** Ids of the pairs of the batch, in order. */
  pairIds: z.array(z.string()),
  learningRate: z.number(),
  loss: measured,
  /** Global L2 norm before clipping. */
  gradNorm: measured,
  /** Share of pairs whose chosen response has the higher reward; a tie counts as wrong. */
  accuracy: measured,
  rewardChosen: measured,
  rewardRejected: measured,
  margin: measured,
  meanLogProbChosen: measured,
  meanLogProbRejected: measured,
  /** Prompt and response tokens of the batch; a pair's prompt counts once. */
  tokens: z.int().nonnegative(),
  durationMs: z.number().nonnegative(),
  /** Of the weights after the update. */
  policyDigest: z.string(),
  /** Absent where the weights were updated. */
  skipped: skippedStepSchema.optional(),
  /** What computed the gradient. Absent in records of releases that did not say. */
  computation: computeFingerprintSchema.optional(),
});

export type TrainingStep = z.infer<typeof trainingStepSchema>;
