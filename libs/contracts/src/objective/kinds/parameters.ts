import { z } from 'zod';

/**
 * The settings that objectives take, each with what it means. Which objectives take it, and its defaults, come from the
 * records of the objectives.
 */
export const objectiveParameters = {
  alpha: z.number().describe('reward shape; 0 is SimPO'),
  beta: z.number().positive().describe("reward scale; ipo's tau, orpo's lambda, 1 / delta of SLiC's hinge"),
  gamma: z.number().nonnegative().describe('absolute target margin; give this or gamma-ratio'),
  gammaRatio: z.number().nonnegative().describe('target margin divided by beta'),
  labelSmoothing: z.number().min(0).lt(0.5).describe('share of labels taken to be wrong'),
  logProb: z
    .enum(['mean', 'sum'])
    .describe("a response's log-probability per token, or of the whole response as in the paper"),
  reference: z.enum(['base', 'none']).describe('compare with the model before training (or --reference-model), or not'),
  nllWeight: z.number().nonnegative().describe('weight of the negative log-likelihood of the chosen responses'),
  nllAverage: z
    .enum(['tokens', 'pairs'])
    .describe('average the likelihood of the chosen responses over the tokens of the batch, or within each pair first'),
} as const;

export type ObjectiveParameters = {
  readonly [K in keyof typeof objectiveParameters]: z.infer<(typeof objectiveParameters)[K]>;
};
