import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Address of the repository, from package.json: no other file decides it. */
export const REPOSITORY: string = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
).homepage;

/** Address of a file in the repository, by its path there. */
export const documentUrl = (path: string): string => `${REPOSITORY}/blob/main/${path}`;
