import { z } from 'zod';
import { type ObjectiveParameters, objectiveParameters } from './parameters.ts';

/** Fields that several objectives share, and what the settings make of them. */

export const beta = { beta: z.number().positive() };

/** The absolute target margin, never the ratio. */
export const gamma = { gamma: z.number().nonnegative() };

export function gammaOf(
  settings: Pick<ObjectiveParameters, 'beta' | 'gammaRatio'> & { readonly gamma: number | undefined },
) {
  return { gamma: settings.gamma ?? settings.gammaRatio * settings.beta };
}

/** The share of labels that are taken to be wrong, as in cDPO. Absent: none. */
export const labelSmoothing = { labelSmoothing: z.number().positive().lt(0.5).optional() };

export function labelSmoothingOf(settings: Pick<ObjectiveParameters, 'labelSmoothing'>) {
  return settings.labelSmoothing > 0 ? { labelSmoothing: settings.labelSmoothing } : {};
}

/** A response's log-probability: its mean over the tokens, or their sum. */
export const logProb = { logProb: objectiveParameters.logProb };

/** `base`: the model before any training, or the reference model that the scorers were given. */
export const reference = { reference: objectiveParameters.reference };

/**
 * The negative log-likelihood of the chosen responses, averaged over the tokens of the batch (a long response counts more;
 * CPO, arXiv:2401.08417) or first within each pair (RPO, arXiv:2404.19733).
 */
export const average = { average: objectiveParameters.nllAverage };

export type NllAverage = ObjectiveParameters['nllAverage'];

const nllTermSchema = z.strictObject({ weight: z.number().positive(), ...average });

/** The term beside the objective's own loss. */
export type NllTerm = z.infer<typeof nllTermSchema>;

/** Beside any objective but those that are nothing else. Absent: no such term. */
export const nll = { nll: nllTermSchema.optional() };

/** The settings of the term, with their defaults. */
export const nllSettings = { nllWeight: 0, nllAverage: 'tokens' } as const;

export function nllOf({ nllWeight, nllAverage }: Pick<ObjectiveParameters, 'nllWeight' | 'nllAverage'>) {
  return nllWeight > 0 ? { nll: { weight: nllWeight, average: nllAverage } } : {};
}
