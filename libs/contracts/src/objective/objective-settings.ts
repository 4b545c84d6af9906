import { kebabCase, settingError } from '@alphapo/settings';
import { z } from 'zod';
import type { OBJECTIVES } from './kinds/index.ts';
import { type ObjectiveParameters, objectiveParameters } from './kinds/parameters.ts';
import type { Defaults, Preset } from './kinds/record.ts';
import { OBJECTIVE_KINDS, type Objective, type ObjectiveKind, recordOf } from './objective.ts';
import { parameterText, summariesText } from './setting-texts.ts';

type Parameter = keyof ObjectiveParameters;
type PresetName = { [K in ObjectiveKind]: keyof (typeof OBJECTIVES)[K]['presets'] }[ObjectiveKind];

/** The recipes of all objectives. They share what is the default anyway: 128 pairs a step, one epoch, a cosine with 10 % warm-up. */
const PRESETS = Object.fromEntries(
  OBJECTIVE_KINDS.flatMap((objective) =>
    Object.entries(recordOf(objective).presets).map(([name, preset]) => [name, { objective, preset }]),
  ),
) as Readonly<Record<PresetName, { readonly objective: ObjectiveKind; readonly preset: Preset }>>;

const [DEFAULT_KIND] = OBJECTIVE_KINDS;
const PARAMETERS = Object.keys(objectiveParameters) as Parameter[];

/** The settings that say what training minimizes. */
export const objectiveSettings = {
  preset: z
    .enum(Object.keys(PRESETS) as [PresetName, ...PresetName[]])
    .optional()
    .describe("a paper's objective, its numbers and its learning rate; single settings win over it"),
  objective: z
    .enum(OBJECTIVE_KINDS)
    .optional()
    .describe(`what training minimizes (default: ${DEFAULT_KIND}). ${summariesText()}`),
  ...(Object.fromEntries(
    PARAMETERS.map((key) => [key, objectiveParameters[key].optional().describe(parameterText(key))]),
  ) as unknown as { readonly [K in Parameter]: z.ZodOptional<(typeof objectiveParameters)[K]> }),
} as const;

type Settings = z.infer<z.ZodObject<typeof objectiveSettings>>;

/**
 * The objective that settings mean, and the peak learning rate of its recipe for all weights. Errors: INVALID_SETTING with
 * the key that does not belong to the objective, or contradicts another.
 */
export function resolveObjective(settings: Settings): { readonly objective: Objective; readonly learningRate: number } {
  const { kind, preset } = recipeOf(settings);
  const { settings: defaults, learningRate, resolve } = recordOf(kind);
  const given = givenParameters(settings);
  const taken = Object.keys(defaults);
  for (const key of Object.keys(given)) {
    if (taken.includes(key)) continue;
    settingError(key, `the objective ${kind} does not take it; it takes ${taken.map(kebabCase).join(', ')}`);
  }
  const { learningRate: presetRate = learningRate, ...recipe } = preset ?? {};
  requireNoContradiction(given, { ...defaults, ...recipe });
  const objective = { kind, ...resolve({ ...defaults, ...recipe, ...given }) } as Objective;
  return { objective, learningRate: presetRate };
}

function recipeOf(given: Settings): { readonly kind: ObjectiveKind; readonly preset: Preset | undefined } {
  if (given.preset === undefined) return { kind: given.objective ?? DEFAULT_KIND, preset: undefined };
  const { objective: kind, preset } = PRESETS[given.preset];
  if (given.objective !== undefined && given.objective !== kind) {
    settingError('preset', `${given.preset} is a recipe of ${kind}, but the objective is ${given.objective}`);
  }
  return { kind, preset };
}

/** The parameters that are given, in the order of all. */
function givenParameters(settings: Settings): Defaults {
  return Object.fromEntries(PARAMETERS.flatMap((key) => (settings[key] === undefined ? [] : [[key, settings[key]]])));
}

function requireNoContradiction(given: Defaults, defaults: Defaults): void {
  if (given.gamma !== undefined && given.gammaRatio !== undefined) {
    settingError('gamma', 'give gamma or gamma-ratio, not both');
  }
  const weight = given.nllWeight ?? defaults.nllWeight;
  if (weight === 0 && given.nllAverage !== undefined)
    settingError('nllAverage', 'there is no such term: set nll-weight');
}
