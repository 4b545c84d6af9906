import { z } from 'zod';

/**
 * The negative log-likelihood of the chosen responses, averaged over the tokens of the batch (a long response counts more;
 * CPO, arXiv:2401.08417) or first within each pair (RPO, arXiv:2404.19733).
 */
const nllAverageSchema = z.enum(['tokens', 'pairs']);

export type NllAverage = z.infer<typeof nllAverageSchema>;

/** May stand beside any objective but sft, which is nothing else. Absent: no such term. */
const nllTerm = {
  nll: z.strictObject({ weight: z.number().positive(), average: nllAverageSchema }).optional(),
};

/** The share of labels that are taken to be wrong, as in cDPO. Absent: none. */
const labelSmoothing = { labelSmoothing: z.number().positive().lt(0.5).optional() };

const beta = { beta: z.number().positive() };
const gamma = { gamma: z.number().nonnegative() };

/** `base`: the model before any training, or the reference model that the scorers were given. */
const reference = { reference: z.enum(['base', 'none']) };

/**
 * What training minimises, with its parameters resolved: `gamma` is the absolute target margin, never the ratio.
 * Formulas and sources stand with each objective in `@alphapo/objectives`.
 */
export const objectiveSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('alphapo'),
    alpha: z.number(),
    ...beta,
    ...gamma,
    ...labelSmoothing,
    ...nllTerm,
  }),
  z.strictObject({ kind: z.literal('simpo'), ...beta, ...gamma, ...labelSmoothing, ...nllTerm }),
  z.strictObject({ kind: z.literal('dpo'), ...beta, ...labelSmoothing, ...nllTerm }),
  z.strictObject({
    kind: z.literal('ipo'),
    ...beta,
    /** A response's log-probability: its mean over the tokens, or their sum. */
    logProb: z.enum(['mean', 'sum']),
    ...reference,
    ...nllTerm,
  }),
  z.strictObject({ kind: z.literal('orpo'), ...beta, ...nllTerm }),
  z.strictObject({ kind: z.literal('cpo'), ...beta, ...labelSmoothing, ...nllTerm }),
  z.strictObject({ kind: z.literal('hinge'), ...beta, ...reference, ...nllTerm }),
  z.strictObject({ kind: z.literal('sft'), average: nllAverageSchema }),
]);

export type Objective = z.infer<typeof objectiveSchema>;
export type ObjectiveKind = Objective['kind'];
export type ObjectiveOf<K extends ObjectiveKind> = Extract<Objective, { kind: K }>;

/** The term beside the objective's own loss. */
export type NllTerm = NonNullable<ObjectiveOf<'cpo'>['nll']>;

/** Whether the objective compares with a reference: the model before any training, or a model that is given for it. */
export function needsReference(objective: Objective): boolean {
  if (objective.kind === 'dpo') return true;
  return 'reference' in objective && objective.reference === 'base';
}

/** Whether a pair's loss depends on how many tokens the chosen responses of the whole batch have. */
export function averagesOverTokens(objective: Objective): boolean {
  return (objective.kind === 'sft' ? objective.average : objective.nll?.average) === 'tokens';
}
