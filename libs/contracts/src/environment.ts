import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf, Secret } from '@alphapo/base';
import type { z } from 'zod';

/** Configuration from environment variables. Errors: INVALID_CONFIGURATION with the variable and what it is for. */
export function parseEnvironment<T extends z.ZodObject>(schema: T, environment: NodeJS.ProcessEnv): z.infer<T> {
  const result = schema.safeParse(environment);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const variable = String(issue?.path[0]);
  const purpose = (schema.shape[variable] as z.ZodType | undefined)?.description;
  const meaning = purpose === undefined ? '' : ` (${purpose})`;
  throw invalidVariable(`${variable}${meaning}`, variable, String(issue?.message));
}

/** Where a secret comes from: its own variable, or a file that is read again when it changes. */
export type SecretSource =
  | { readonly kind: 'value'; readonly variable: string; readonly secret: Secret }
  | { readonly kind: 'file'; readonly variable: string; readonly path: string };

/**
 * A secret is given in a variable, or in a file that the variable with `_FILE` after its name says; never as an option,
 * which everybody on the machine can read. Errors: INVALID_CONFIGURATION where both are set or one is empty.
 */
export function secretSource(environment: NodeJS.ProcessEnv, variable: string): SecretSource | undefined {
  const fileVariable = `${variable}_FILE`;
  const [value, path] = [environment[variable], environment[fileVariable]];
  if (value !== undefined && path !== undefined) {
    throw invalidVariable(variable, variable, `is set, and ${fileVariable} too: leave one of them out`);
  }
  if (value === '') throw invalidVariable(variable, variable, 'is empty');
  if (path === '') throw invalidVariable(fileVariable, fileVariable, 'is empty');
  if (value !== undefined) return { kind: 'value', variable, secret: new Secret(value) };
  return path === undefined ? undefined : { kind: 'file', variable: fileVariable, path };
}

/** The secret itself, a file's without the line break at its end. Errors: INVALID_CONFIGURATION with variable and file. */
export async function readSecret(source: SecretSource): Promise<Secret> {
  if (source.kind === 'value') return source.secret;
  const { variable, path } = source;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw invalidVariable(variable, variable, `the file cannot be read: ${messageOf(error)}`);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw invalidVariable(variable, variable, `${path} is empty`);
  return new Secret(value);
}

function invalidVariable(place: string, variable: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', `${place}: ${problem}`, {
    metadata: { variable },
  });
}
