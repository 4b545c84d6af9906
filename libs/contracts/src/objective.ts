import { z } from 'zod';

/**
 * What training minimises, with its parameters resolved: `gamma` is the absolute target margin, never the ratio.
 * Formulas and sources stand with each objective in `@alphapo/objectives`.
 */
export const objectiveSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('alphapo'),
    alpha: z.number(),
    beta: z.number().positive(),
    gamma: z.number().nonnegative(),
  }),
  z.strictObject({ kind: z.literal('simpo'), beta: z.number().positive(), gamma: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('dpo'), beta: z.number().positive() }),
  z.strictObject({ kind: z.literal('sft') }),
]);

export type Objective = z.infer<typeof objectiveSchema>;
export type ObjectiveKind = Objective['kind'];

/** Whether the objective compares with a reference: the model before any training. */
export function needsReference(objective: Objective): boolean {
  return objective.kind === 'dpo';
}
