import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { type RunSettings, runSettingsSchema } from '@alphapo/contracts';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

/** `learning-rate` to `learningRate`. */
export function camelCase(key: string): string {
  return key.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `learningRate` to `learning-rate`. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Adds an option for every key of the run settings, with the schema's description and default. */
export function addSettingsOptions(command: Command): Command {
  for (const [key, schema] of Object.entries(runSettingsSchema.shape)) {
    const { inner, defaultValue } = unwrap(schema as z.ZodType);
    const flag = `--${kebabCase(key)}`;
    const shown = defaultValue === undefined ? '' : ` (default: ${JSON.stringify(defaultValue)})`;
    const description = `${(schema as z.ZodType).description ?? ''}${shown}`;
    if (inner instanceof z.ZodBoolean) command.option(flag, description);
    else if (inner instanceof z.ZodArray) command.option(`${flag} <names>`, `${description}, separated by commas`);
    else if (inner instanceof z.ZodEnum) command.option(`${flag} <${inner.options.join('|')}>`, description);
    else command.option(`${flag} <number>`, description);
  }
  return command;
}

function unwrap(schema: z.ZodType): { inner: z.ZodType; defaultValue: unknown } {
  if (schema instanceof z.ZodOptional) return unwrap(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodDefault) {
    return { inner: unwrap(schema.unwrap() as z.ZodType).inner, defaultValue: schema.def.defaultValue };
  }
  return { inner: schema, defaultValue: undefined };
}

/**
 * Settings from a YAML file and options of the command line; the latter win. Errors: INVALID_SETTING with the key and
 * where it came from.
 */
export async function readSettings(
  configFile: string | undefined,
  options: Readonly<Record<string, unknown>>,
): Promise<RunSettings> {
  const fromFile = configFile === undefined ? {} : await readConfigFile(configFile);
  const known = Object.keys(runSettingsSchema.shape);
  const fromOptions = Object.fromEntries(
    known.flatMap((key) => (options[key] === undefined ? [] : [[key, optionValue(key, options[key])]])),
  );
  const result = runSettingsSchema.safeParse({ ...fromFile, ...fromOptions });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const key = issue?.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : String(issue?.path[0] ?? '');
  const where = key in fromOptions ? `--${kebabCase(key)}` : `${configFile}: ${key}`;
  const problem =
    issue?.code === 'unrecognized_keys'
      ? `there is no such setting; there are ${known.join(', ')}`
      : (issue?.message ?? 'is not valid');
  throw new AlphapoError('invalid-argument', 'INVALID_SETTING', `${where}: ${problem}`, { metadata: { setting: key } });
}

function optionValue(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (key === 'loraTargets') return value.split(',').map((name) => name.trim());
  const number = Number(value);
  return value.trim() === '' || Number.isNaN(number) ? value : number;
}

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  const fail = (problem: string): never => {
    throw new AlphapoError('invalid-argument', 'INVALID_CONFIG_FILE', `${file}: ${problem}`);
  };
  let parsed: unknown;
  try {
    parsed = parseYaml(await readFile(file, 'utf8'));
  } catch (error) {
    return fail(messageOf(error));
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    return fail('must be a mapping of settings, such as "learning-rate: 5e-6"');
  }
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [camelCase(key), value]));
}
