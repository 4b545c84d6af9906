import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Public models and golden vectors that tests read and the repository does not carry: the folder that the environment
 * variable `ALPHAPO_SHARED` names, or `shared` beside the repository.
 */
const SHARED_ROOT = resolve(process.env.ALPHAPO_SHARED ?? join(import.meta.dirname, '../../..', 'shared'));

/** The absolute path of a file or folder of the shared data, or undefined where it is absent. */
export function sharedPath(...parts: readonly string[]): string | undefined {
  const path = join(SHARED_ROOT, ...parts);
  return existsSync(path) ? path : undefined;
}

/**
 * A `describe` over shared data. Where the data is absent its tests are skipped (their bodies may then assume nothing
 * of `sharedPath`), and the name says what is missing and how to provide it.
 */
export function describeShared(name: string, tests: () => void): void {
  if (existsSync(SHARED_ROOT)) describe(name, tests);
  else describe.skip(`${name} (skipped: no shared data at ${SHARED_ROOT}; set ALPHAPO_SHARED)`, tests);
}
