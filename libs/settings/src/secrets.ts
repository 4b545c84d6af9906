import { readFile } from 'node:fs/promises';
import { messageOf, Secret } from '@alphapo/base';
import { givenIn, invalidConfiguration, type SettingSources } from './resolve.ts';

/** Where a secret comes from: its own variable, or a file that is read again when it changes. */
export type SecretSource =
  | { readonly kind: 'value'; readonly variable: string; readonly secret: Secret }
  | { readonly kind: 'file'; readonly variable: string; readonly path: string };

/**
 * A secret is given in a variable, or in a file: the setting `fileKey`, whose variable has `_FILE` after the secret's own name. It is never
 * an option, which everybody on the machine can read. Errors: INVALID_CONFIGURATION where both are set or one is empty.
 */
export function secretSource(sources: SettingSources, fileKey: string, variable: string): SecretSource | undefined {
  const fileVariable = `${variable}_FILE`;
  const value = sources.environment?.[variable];
  const path = givenIn(sources, fileKey, fileVariable)?.value as string | undefined;
  if (value !== undefined && path !== undefined) {
    throw invalidConfiguration(variable, `is set, and so is ${fileVariable}; remove one of them`);
  }
  if (value === '') throw invalidConfiguration(variable, 'is empty');
  if (path === '') throw invalidConfiguration(fileVariable, 'is empty');
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
    throw invalidConfiguration(variable, `names a file that cannot be read: ${messageOf(error)}`);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw invalidConfiguration(variable, `names an empty file: ${path}`);
  return new Secret(value);
}
