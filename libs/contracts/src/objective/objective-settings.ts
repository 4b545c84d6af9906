import { unreachable } from '@alphapo/base';
import { kebabCase, settingError } from '@alphapo/settings';
import { z } from 'zod';
import type { NllTerm, Objective, ObjectiveKind } from './objective.ts';
import { PRESETS, type Preset, type PresetName } from './presets.ts';

/** The settings that say what training minimises. */
export const objectiveSettings = {
  preset: z
    .enum(Object.keys(PRESETS) as [PresetName, ...PresetName[]])
    .optional()
    .describe("a paper's objective, its numbers and its learning rate; single settings win over it"),
  objective: z
    .enum(['alphapo', 'simpo', 'dpo', 'ipo', 'orpo', 'cpo', 'hinge', 'sft'])
    .optional()
    .describe('what training minimises (default: alphapo)'),
  alpha: z.number().optional().describe("AlphaPO's reward shape; 0 is SimPO (default: 0.25)"),
  beta: z
    .number()
    .positive()
    .optional()
    .describe(
      "reward scale; ipo's tau, orpo's lambda, 1 / delta of SLiC's hinge (default: alphapo and simpo 2.5, hinge without a reference 1, others 0.1)",
    ),
  gamma: z.number().nonnegative().optional().describe('absolute target margin; give this or gamma-ratio'),
  gammaRatio: z.number().nonnegative().optional().describe('target margin divided by beta (default: 0.1; simpo 0.5)'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(0.5)
    .optional()
    .describe('share of labels taken to be wrong, for alphapo, simpo, dpo, cpo (default: 0)'),
  logProb: z
    .enum(['mean', 'sum'])
    .optional()
    .describe("ipo: a response's log-probability per token, or in all as in the paper (default: mean)"),
  reference: z
    .enum(['base', 'none'])
    .optional()
    .describe(
      'ipo and hinge: compare with the model before training (or --reference-model), or not (default: ipo base, hinge none)',
    ),
  nllWeight: z
    .number()
    .nonnegative()
    .optional()
    .describe('weight of the negative log-likelihood of chosen, beside any objective but sft (default: 0; cpo 1)'),
  nllAverage: z
    .enum(['tokens', 'pairs'])
    .optional()
    .describe(
      'that term, or sft, averaged over the tokens of the batch, or within each pair first (default: tokens; sft pairs)',
    ),
} as const;

type Settings = z.infer<z.ZodObject<typeof objectiveSettings>>;
type ObjectiveKey = Exclude<keyof Settings, 'preset' | 'objective'>;

const NLL = ['nllWeight', 'nllAverage'] as const;

/** The settings that each objective takes. */
const KEYS: Readonly<Record<ObjectiveKind, readonly ObjectiveKey[]>> = {
  alphapo: ['alpha', 'beta', 'gamma', 'gammaRatio', 'labelSmoothing', ...NLL],
  simpo: ['beta', 'gamma', 'gammaRatio', 'labelSmoothing', ...NLL],
  dpo: ['beta', 'labelSmoothing', ...NLL],
  ipo: ['beta', 'logProb', 'reference', ...NLL],
  orpo: ['beta', ...NLL],
  cpo: ['beta', 'labelSmoothing', ...NLL],
  hinge: ['beta', 'reference', ...NLL],
  sft: ['nllAverage'],
};

/** Where neither settings nor a preset say otherwise. Learning rates are for all weights. */
const DEFAULTS: Readonly<Record<ObjectiveKind, { readonly beta: number; readonly learningRate: number }>> = {
  alphapo: { beta: 2.5, learningRate: 7e-7 },
  simpo: { beta: 2.5, learningRate: 5e-7 },
  dpo: { beta: 0.1, learningRate: 5e-7 },
  ipo: { beta: 0.1, learningRate: 5e-7 },
  orpo: { beta: 0.1, learningRate: 8e-6 },
  cpo: { beta: 0.1, learningRate: 5e-7 },
  hinge: { beta: 0.1, learningRate: 5e-7 },
  sft: { beta: 1, learningRate: 2e-5 },
};

/** SLiC's delta of 1, in nats of the whole response. */
const SLIC_BETA = 1;

/**
 * The objective that settings mean, and the peak learning rate of its recipe for all weights. Errors: INVALID_SETTING with
 * the key that does not belong to the objective, or contradicts another.
 */
export function resolveObjective(given: Settings): { readonly objective: Objective; readonly learningRate: number } {
  const preset: Preset | undefined = given.preset && PRESETS[given.preset];
  if (preset !== undefined && given.objective !== undefined && given.objective !== preset.objective) {
    settingError(
      'preset',
      `${given.preset} is a recipe of ${preset.objective}, but the objective is ${given.objective}`,
    );
  }
  const kind = given.objective ?? preset?.objective ?? 'alphapo';
  for (const key of Object.keys(objectiveSettings) as (keyof Settings)[]) {
    if (key === 'preset' || key === 'objective' || given[key] === undefined || KEYS[kind].includes(key)) continue;
    settingError(key, `the objective ${kind} does not take it; it takes ${KEYS[kind].map(kebabCase).join(', ')}`);
  }
  const ratio = given.gamma === undefined ? preset?.gammaRatio : undefined;
  const settings = { alpha: preset?.alpha, beta: preset?.beta, gammaRatio: ratio, ...given };
  return { objective: objectiveOf(kind, settings), learningRate: preset?.learningRate ?? DEFAULTS[kind].learningRate };
}

function objectiveOf(kind: ObjectiveKind, settings: WithUndefined<Settings>): Objective {
  const beta = settings.beta ?? DEFAULTS[kind].beta;
  const smoothing = settings.labelSmoothing ? { labelSmoothing: settings.labelSmoothing } : {};
  switch (kind) {
    case 'alphapo': {
      const gamma = gammaOf(settings, beta, 0.1);
      return { kind, alpha: settings.alpha ?? 0.25, beta, gamma, ...smoothing, ...nllOf(settings, 0) };
    }
    case 'simpo':
      return { kind, beta, gamma: gammaOf(settings, beta, 0.5), ...smoothing, ...nllOf(settings, 0) };
    case 'dpo':
      return { kind, beta, ...smoothing, ...nllOf(settings, 0) };
    case 'ipo': {
      const { logProb = 'mean', reference = 'base' } = settings;
      return { kind, beta, logProb, reference, ...nllOf(settings, 0) };
    }
    case 'orpo':
      return { kind, beta, ...nllOf(settings, 0) };
    case 'cpo':
      return { kind, beta, ...smoothing, ...nllOf(settings, 1) };
    case 'hinge': {
      const { reference = 'none' } = settings;
      const slicBeta = settings.beta ?? SLIC_BETA;
      return { kind, beta: reference === 'none' ? slicBeta : beta, reference, ...nllOf(settings, 0) };
    }
    case 'sft':
      return { kind, average: settings.nllAverage ?? 'pairs' };
    default:
      return unreachable(kind);
  }
}

type WithUndefined<T> = { readonly [K in keyof T]: T[K] | undefined };

function gammaOf({ gamma, gammaRatio }: WithUndefined<Settings>, beta: number, defaultRatio: number): number {
  if (gamma !== undefined && gammaRatio !== undefined) settingError('gamma', 'give gamma or gamma-ratio, not both');
  return gamma ?? (gammaRatio ?? defaultRatio) * beta;
}

function nllOf(settings: WithUndefined<Settings>, defaultWeight: number): { readonly nll?: NllTerm } {
  const { nllWeight: weight = defaultWeight, nllAverage } = settings;
  if (weight > 0) return { nll: { weight, average: nllAverage ?? 'tokens' } };
  if (nllAverage !== undefined) settingError('nllAverage', 'there is no such term: set nll-weight');
  return {};
}
