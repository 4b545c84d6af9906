import { AlphapoError } from '@alphapo/base';

/** Settings are camelCase in TypeScript and in YAML, kebab-case in YAML, in Helm values and on the command line. */

/** `learningRate` to `learning-rate`. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `learning-rate` to `learningRate`. */
export function camelCase(key: string): string {
  return key.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Refuses a setting by its name. */
export function settingError(key: string, problem: string): never {
  const setting = kebabCase(key);
  throw new AlphapoError('invalid-argument', 'INVALID_SETTING', `${setting}: ${problem}`, { metadata: { setting } });
}
