import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { parse as parseYaml } from 'yaml';
import { type RunSettings, runSettingsSchema } from './run-settings.ts';
import { camelCase } from './setting-names.ts';

/** A few dozen settings; the parser's time grows with the square of the nesting. */
const MAX_CHARACTERS = 2 ** 16;

/** The settings of a YAML or JSON file as they stand there, keys in camel case. Errors: INVALID_CONFIG_FILE. */
export async function readSettingsFile(file: string): Promise<Record<string, unknown>> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new AlphapoError('invalid-argument', 'INVALID_CONFIG_FILE', `${file}: ${problem}`, { cause });
  };
  let parsed: unknown;
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > MAX_CHARACTERS) return fail(`has more than ${MAX_CHARACTERS} characters: is it the right file?`);
    parsed = parseYaml(text);
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    return fail(messageOf(error), error);
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    return fail('must be a mapping of settings, such as "learning-rate: 5e-6"');
  }
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [camelCase(key), value]));
}

/** Checks settings. `placeOf` says where a key was set, for the message. Errors: INVALID_SETTING with the key. */
export function parseRunSettings(values: Record<string, unknown>, placeOf: (key: string) => string): RunSettings {
  const result = runSettingsSchema.safeParse(values);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const key = unknown ?? String(issue?.path[0] ?? '');
  const problem =
    unknown === undefined
      ? (issue?.message ?? 'is not valid')
      : `there is no such setting; there are ${Object.keys(runSettingsSchema.shape).join(', ')}`;
  throw new AlphapoError('invalid-argument', 'INVALID_SETTING', `${placeOf(key)}: ${problem}`, {
    metadata: { setting: key },
  });
}
