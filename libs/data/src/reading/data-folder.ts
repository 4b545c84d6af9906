import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { onFile } from './source.ts';

/** Far more than a data set has; a folder beyond this is that of something else. */
const MAX_FILES = 100_000;
const MAX_DEPTH = 16;
const CARD = 'README.md';

/** Paths of the files below a folder, from it and with `/`, and the README.md at its top. Errors: DATA_NOT_FOUND, DATA_TOO_MANY_FILES. */
export async function contentsOf(
  folder: string,
): Promise<{ readonly paths: readonly string[]; readonly card: string | undefined }> {
  const paths: string[] = [];
  await onFile(folder, () => collect(folder, '', paths));
  const card = paths.includes(CARD) ? await readFile(join(folder, CARD), 'utf8') : undefined;
  return { paths, card };
}

async function collect(folder: string, below: string, paths: string[]): Promise<void> {
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    // Caches of hubs hold links to files.
    const kind = entry.isSymbolicLink() ? await stat(join(folder, path)).catch(() => undefined) : entry;
    // Hidden folders, such as .git and .cache, hold no records of the user's.
    if (kind?.isDirectory()) {
      if (!entry.name.startsWith('.') && path.split('/').length < MAX_DEPTH) await collect(folder, path, paths);
    } else if (kind?.isFile()) paths.push(path);
    if (paths.length <= MAX_FILES) continue;
    throw new AlphapoError(
      'invalid-argument',
      'DATA_TOO_MANY_FILES',
      `${folder} has more than ${MAX_FILES} files; choose the folder of the data set`,
    );
  }
}
