import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { onFile, syncFolder } from './durable-files.ts';

/**
 * Makes a folder that is there completely or not at all: `write` fills a temporary neighbor, which is flushed and then renamed. The
 * folder may exist if it is empty. On an error nothing is left; what a killed process left is removed by the next call for the same folder.
 * Errors: FOLDER_NOT_EMPTY, those of `write`, and those of the file system.
 */
export async function createFolder<T>(folder: string, write: (temporary: string) => Promise<T>): Promise<T> {
  const path = resolve(folder);
  await requireEmptyFolder(path);
  const parent = dirname(path);
  const temporary = join(parent, `.${basename(path)}.unfinished`);
  return onFile(path, async () => {
    await mkdir(parent, { recursive: true });
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    try {
      const result = await write(temporary);
      await syncAll(temporary);
      // Replaces an empty folder, and fails if someone has put a file there meanwhile.
      await rename(temporary, path);
      await syncFolder(parent);
      return result;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  });
}

/** Throws FOLDER_NOT_EMPTY where there is anything but an empty folder. */
export async function requireEmptyFolder(folder: string): Promise<void> {
  const names = await onFile(folder, () =>
    readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      if (error.code === 'ENOTDIR') return [basename(folder)];
      throw error;
    }),
  );
  if (names.length === 0) return;
  throw new AlphapoError(
    'already-exists',
    'FOLDER_NOT_EMPTY',
    `${folder} already exists and is not an empty folder; choose another one, or remove it`,
  );
}

/** Flushes all files and folders in a folder. */
async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncAll(path);
    else {
      await using handle = await open(path, 'r');
      await handle.sync();
    }
  }
  await syncFolder(folder);
}
