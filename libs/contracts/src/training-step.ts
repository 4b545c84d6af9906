import { z } from 'zod';

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
  loss: z.number(),
  /** Global L2 norm before clipping. */
  gradNorm: z.number(),
  /** Share of pairs whose chosen response has the higher reward; a tie counts as wrong. */
  accuracy: z.number(),
  rewardChosen: z.number(),
  rewardRejected: z.number(),
  margin: z.number(),
  meanLogProbChosen: z.number(),
  meanLogProbRejected: z.number(),
  /** Prompt and response tokens of the batch; a pair's prompt counts once. */
  tokens: z.int().nonnegative(),
  durationMs: z.number().nonnegative(),
  /** Of the weights after the update. */
  policyDigest: z.string(),
});

export type TrainingStep = z.infer<typeof trainingStepSchema>;
