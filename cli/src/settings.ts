import {
  objectiveSettings,
  parseRunSettings,
  type RunSettings,
  runSettingsSchema,
  TRAIN_ONLY_SETTINGS,
} from '@alphapo/contracts';
import { flagOf, kebabCase, readNumber, readSettingsFile } from '@alphapo/settings';
import { type Command, Option } from 'commander';
import type { z } from 'zod';

/** Where a setting stands in the help; those that are most used come first. */
const GROUPS: readonly { readonly heading: string; readonly keys: readonly string[] }[] = [
  {
    heading: 'Training:',
    keys: ['learningRate', 'batchSize', 'epochs', 'steps', 'full', 'maxLength', 'maxPromptLength', 'seed'],
  },
  { heading: 'Objective:', keys: Object.keys(objectiveSettings) },
  { heading: 'LoRA:', keys: ['loraRank', 'loraAlpha', 'loraTargets'] },
  { heading: 'Memory and speed:', keys: ['dtype', 'packTokens', 'recompute', 'packWeights', 'shards'] },
];
const OTHER_SETTINGS = 'Schedule and optimizer:';

/** Adds an option for each of the keys of the run settings (default: all), with its description and default. */
export function addSettingsOptions(
  command: Command,
  keys: readonly string[] = Object.keys(runSettingsSchema.shape),
): Command {
  const grouped = GROUPS.flatMap((group) => group.keys);
  const others = Object.keys(runSettingsSchema.shape).filter((key) => !grouped.includes(key));
  for (const group of [...GROUPS, { heading: OTHER_SETTINGS, keys: others }]) {
    for (const key of group.keys) {
      if (keys.includes(key)) command.addOption(settingOption(key).helpGroup(group.heading));
    }
  }
  return command;
}

function settingOption(key: string): Option {
  const schema = runSettingsSchema.shape[key as keyof RunSettings] as z.ZodType;
  const { flags, description } = flagOf(key, { schema, description: schema.description ?? '', bareTruth: true });
  return new Option(flags, description);
}

/** Settings as a file and the options of the command line give them, and where each was given. */
export interface GivenSettings {
  readonly values: Readonly<Record<string, unknown>>;
  placeOf(key: string): string;
}

/**
 * Settings from a YAML file and options of the command line; the latter win. Options of `train` that the file holds too are
 * passed over. Errors: INVALID_SETTING with a line per mistake.
 */
export async function readSettings(
  configFile: string | undefined,
  options: Readonly<Record<string, unknown>>,
): Promise<RunSettings> {
  const file = configFile === undefined ? undefined : await readSettingsFile(configFile);
  const fromFile = Object.entries(file?.values ?? {}).filter(([key]) => !TRAIN_ONLY_SETTINGS.includes(key));
  const given = withOptions(
    { values: Object.fromEntries(fromFile), placeOf: (key) => file?.placeOf(key) ?? key },
    options,
  );
  return parseRunSettings(given.values, given.placeOf);
}

/** Adds the settings among a command's options, which win. */
export function withOptions(given: GivenSettings, options: Readonly<Record<string, unknown>>): GivenSettings {
  const fromOptions = Object.fromEntries(
    Object.keys(runSettingsSchema.shape).flatMap((key) =>
      options[key] === undefined ? [] : [[key, optionValue(key, options[key])]],
    ),
  );
  return {
    values: { ...given.values, ...fromOptions },
    placeOf: (key) => (key in fromOptions ? `--${kebabCase(key)}` : given.placeOf(key)),
  };
}

function optionValue(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (key === 'loraTargets') return value.split(',').map((name) => name.trim());
  const number = readNumber(value);
  return number.ok ? number.value : value;
}
