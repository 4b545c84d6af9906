import { z } from 'zod';

/** Longest answer to an evaluation prompt, in tokens, where nothing else is asked for. */
export const DEFAULT_ANSWER_TOKENS = 256;

/** Held-out pairs under a policy; means over the pairs. Log-probabilities are means over response tokens, in nats. */
const evaluatedPairsSchema = z.object({
  pairs: z.int().positive(),
  /** Share of pairs whose chosen response has the higher reward; a tie counts as wrong. */
  accuracy: z.number(),
  /** Counts each pair by its weight; all other numbers count each pair once. */
  loss: z.number(),
  margin: z.number(),
  /** Median of the margins, which outliers do not move. Absent in evaluations of earlier releases. */
  marginMedian: z.number().optional(),
  rewardChosen: z.number(),
  rewardRejected: z.number(),
  logProbChosen: z.number(),
  logProbRejected: z.number(),
});

export type EvaluatedPairs = z.infer<typeof evaluatedPairsSchema>;

/** What a policy answers to a prompt, greedily. */
const answerSchema = z.object({
  id: z.string(),
  /** Its first 1,000 characters. */
  text: z.string(),
  /** Tokens of the answer, an end token included. */
  tokens: z.int().nonnegative(),
  /** `stop`: the policy ended it; `length`: it was cut off. */
  finish: z.enum(['stop', 'length']),
  /** Absent where the prompt has no right answer. */
  right: z.boolean().optional(),
});

export type Answer = z.infer<typeof answerSchema>;

/** Answers of a policy to evaluation prompts. */
const evaluatedAnswersSchema = z.object({
  prompts: z.int().positive(),
  /** Prompts with a right answer. */
  judged: z.int().nonnegative(),
  /** Share of right answers among the judged ones; absent where there are none. */
  right: z.number().optional(),
  /** Mean length, in tokens. */
  tokens: z.number(),
  /** Share of answers that the policy ended within the limit. */
  ended: z.number(),
  /** Mean share of an answer's sequences of 4 tokens that occurred in it before. */
  repetition: z.number(),
  /**
   * Divergence from the base model: log-probability under the policy less that under the base model, in nats per token, over one sample
   * of the policy a prompt. An estimate of KL(policy, base).
   */
  divergence: z.number(),
  answers: z.array(answerSchema),
});

export type EvaluatedAnswers = z.infer<typeof evaluatedAnswersSchema>;

/** How the policy after a number of steps does; 0: before the first. */
export const evaluatedStepSchema = z.object({
  step: z.int().nonnegative(),
  /** Of the weights; absent in evaluations of earlier releases. */
  policyDigest: z.string().optional(),
  /** Of pairs, prompts, right answers and the longest answer: only evaluations with the same one compare. Absent in those of earlier releases. */
  dataDigest: z.string().optional(),
  evaluation: evaluatedPairsSchema.optional(),
  answers: evaluatedAnswersSchema.optional(),
});

export type EvaluatedStep = z.infer<typeof evaluatedStepSchema>;

/** A record of `evaluations`. */
export const evaluationRecordSchema = evaluatedStepSchema.extend({ runId: z.string() });
