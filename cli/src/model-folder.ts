import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AlphapoError } from '@alphapo/base';

/** Entries of a folder that an error lists. */
const MOST_LISTED = 12;

/**
 * Requires a folder with a config.json. Errors: MODEL_NOT_FOUND with the option, the folder, and what is there instead: where the folder is
 * missing, what the nearest folder above it holds.
 */
export async function requireModelFolder(option: string, folder: string): Promise<void> {
  const entries = await entriesOf(folder);
  if (entries?.includes('config.json')) return;
  const problem =
    entries === undefined
      ? `there is no such folder; ${await nearestAbove(folder)}`
      : `it has no config.json; it holds ${listed(entries)}`;
  throw new AlphapoError('not-found', 'MODEL_NOT_FOUND', `${option} ${folder}: ${problem}`);
}

async function nearestAbove(folder: string): Promise<string> {
  for (let above = dirname(folder); ; above = dirname(above)) {
    const entries = await entriesOf(above);
    if (entries !== undefined) return `${above} holds ${listed(entries)}`;
    if (above === dirname(above)) return `${above} cannot be read`;
  }
}

/** Names of what a folder holds, folders with a slash at their end; undefined where it is no folder that can be read. */
async function entriesOf(folder: string): Promise<string[] | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  return entries?.map((entry) => (entry.isDirectory() ? join(entry.name, '/') : entry.name)).sort();
}

function listed(entries: readonly string[]): string {
  if (entries.length === 0) return 'nothing';
  const more = entries.length - MOST_LISTED;
  return entries.slice(0, MOST_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
