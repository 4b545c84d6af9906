import { kebabCase, parseRunSettings, type RunSettings, readSettingsFile, runSettingsSchema } from '@alphapo/contracts';
import type { Command } from 'commander';
import { z } from 'zod';

/** Longest flag that leaves the help room for descriptions. */
const MAX_FLAG = 60;

/** Adds an option for each of the keys of the run settings (default: all), with its description and default. */
export function addSettingsOptions(
  command: Command,
  keys: readonly string[] = Object.keys(runSettingsSchema.shape),
): Command {
  for (const [key, schema] of Object.entries(runSettingsSchema.shape)) {
    if (!keys.includes(key)) continue;
    const { inner, defaultValue } = unwrap(schema as z.ZodType);
    const flag = `--${kebabCase(key)}`;
    const shown = defaultValue === undefined ? '' : ` (default: ${JSON.stringify(defaultValue)})`;
    const description = `${(schema as z.ZodType).description ?? ''}${shown}`;
    if (inner instanceof z.ZodBoolean) command.option(flag, description);
    else if (inner instanceof z.ZodArray) command.option(`${flag} <names>`, `${description}, separated by commas`);
    else if (inner instanceof z.ZodEnum) command.option(...enumOption(flag, inner.options, description));
    else command.option(`${flag} <number>`, description);
  }
  return command;
}

/** The values stand in the flag where they fit there. */
function enumOption(flag: string, values: readonly (string | number)[], description: string): [string, string] {
  const inFlag = `${flag} <${values.join('|')}>`;
  return inFlag.length <= MAX_FLAG ? [inFlag, description] : [`${flag} <name>`, `${description}: ${values.join(', ')}`];
}

function unwrap(schema: z.ZodType): { inner: z.ZodType; defaultValue: unknown } {
  if (schema instanceof z.ZodOptional) return unwrap(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodDefault) {
    return { inner: unwrap(schema.unwrap() as z.ZodType).inner, defaultValue: schema.def.defaultValue };
  }
  return { inner: schema, defaultValue: undefined };
}

/** Settings from a YAML file and options of the command line; the latter win. Errors: INVALID_SETTING with the key. */
export async function readSettings(
  configFile: string | undefined,
  options: Readonly<Record<string, unknown>>,
): Promise<RunSettings> {
  const fromFile = configFile === undefined ? {} : await readSettingsFile(configFile);
  const fromOptions = Object.fromEntries(
    Object.keys(runSettingsSchema.shape).flatMap((key) =>
      options[key] === undefined ? [] : [[key, optionValue(key, options[key])]],
    ),
  );
  return parseRunSettings({ ...fromFile, ...fromOptions }, (key) =>
    key in fromOptions ? `--${kebabCase(key)}` : `${configFile}: ${key}`,
  );
}

function optionValue(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (key === 'loraTargets') return value.split(',').map((name) => name.trim());
  const number = Number(value);
  return value.trim() === '' || Number.isNaN(number) ? value : number;
}
