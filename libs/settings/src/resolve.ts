import { AlphapoError } from '@alphapo/base';
import type { z } from 'zod';
import type { SettingsFile } from './file.ts';
import { kebabCase } from './names.ts';
import { inFileOrder, unknownSettingProblem, valueProblem } from './problems.ts';
import { type Setting, type Settings, type ValuesOf, valueTypeOf } from './setting.ts';
import { readNumber } from './written-number.ts';

/** Where settings are looked for: the first place that has one wins. */
export interface SettingSources {
  /** Options of the command line, by key. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly environment?: NodeJS.ProcessEnv;
  readonly file?: SettingsFile | undefined;
}

interface Given {
  readonly value: unknown;
  /** Where it was given and how it is written there. */
  readonly place: string;
}

/** A value where it was given; undefined where nobody gave it. */
export function givenIn(
  { options, environment, file }: SettingSources,
  key: string,
  variable?: string,
): Given | undefined {
  if (options?.[key] !== undefined) return { value: options[key], place: `--${kebabCase(key)}` };
  if (variable !== undefined && environment?.[variable] !== undefined) {
    return { value: environment[variable], place: variable };
  }
  if (file !== undefined && key in file.values) return { value: file.values[key], place: file.placeOf(key) };
  return undefined;
}

/**
 * The values that settings have in their sources. Errors: INVALID_CONFIGURATION with a line per mistake: where the value was
 * given, what is wrong with it, what to write; also for what is missing.
 */
export function resolveSettings<S extends Settings>(settings: S, sources: SettingSources): ValuesOf<S> {
  const values: Record<string, unknown> = {};
  const mistakes: string[] = [];
  let wrong: string | undefined;
  for (const [key, setting] of Object.entries(settings)) {
    const outcome = resolveOne(key, setting, sources);
    if (outcome.ok) values[key] = outcome.value;
    else {
      mistakes.push(outcome.problem);
      wrong ??= setting.variable ?? kebabCase(key);
    }
  }
  if (wrong === undefined) return values as ValuesOf<S>;
  throw invalid(inFileOrder(mistakes).join('\n'), wrong);
}

/**
 * Errors: INVALID_CONFIGURATION with a line per key of the file that none of the settings has. `meaningOf` may know what such a key is
 * elsewhere.
 */
export function refuseUnknownSettings(
  file: SettingsFile,
  settings: Settings,
  meaningOf: (key: string) => string | undefined = () => undefined,
): void {
  const unknown = Object.keys(file.values).filter((key) => !(key in settings));
  if (unknown.length === 0) return;
  const lines = unknown.map((key) => {
    const place = file.placeOf(key);
    const meaning = meaningOf(key);
    if (meaning !== undefined) return `${place}: ${meaning}`;
    return `${place}: ${unknownSettingProblem(place, Object.keys(settings))}`;
  });
  throw invalid(lines.join('\n'), unknown[0] as string);
}

/** INVALID_CONFIGURATION of a setting that does not fit others; `problem` goes on after the variable's name. */
export function invalidConfiguration(variable: string, problem: string): AlphapoError {
  return invalid(`${variable} ${problem}`, variable);
}

/** INVALID_CONFIGURATION with a message of its own; `variable` names the setting. */
export function invalid(message: string, variable: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', message, { metadata: { variable } });
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

function resolveOne(key: string, setting: Setting, sources: SettingSources): Outcome {
  const { schema, description, variable } = setting;
  const given = givenIn(sources, key, variable);
  const value = given === undefined ? undefined : asWritten(schema, given.value);
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  if (given === undefined) {
    const ways = [`--${kebabCase(key)}`, variable, `"${kebabCase(key)}" in the --config file`].filter(Boolean);
    return {
      ok: false,
      problem: `${variable ?? kebabCase(key)} (${description}) is missing: give ${ways.join(' or ')}`,
    };
  }
  const [issue] = result.error.issues as [z.core.$ZodIssue];
  const problem = valueProblem({ ...issue, path: [key, ...issue.path] }, { [key]: value });
  return { ok: false, problem: `${given.place} (${description}): ${problem}` };
}

/** Text as the type that the schema wants, where it can be read as that; anything else as it is. */
function asWritten(schema: z.ZodType, value: unknown): unknown {
  const { inner, kind } = valueTypeOf(schema);
  if (kind === 'array' && typeof value === 'string') {
    const parts = value.split(',').map((part) => part.trim());
    return parts
      .filter((part) => part !== '')
      .map((part) => asWritten((inner as z.ZodArray).element as z.ZodType, part));
  }
  if (typeof value !== 'string') return kind === 'string' && typeof value === 'number' ? String(value) : value;
  if (kind === 'number') {
    const number = readNumber(value);
    return number.ok ? number.value : value;
  }
  return kind === 'boolean' ? (TRUTH[value.toLowerCase()] ?? value) : value;
}

const TRUTH: Readonly<Record<string, boolean>> = { true: true, on: true, false: false, off: false };
