import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AlphapoError, messageOf } from '@alphapo/base';

/** What no second try mends. */
const NOT_ACCESSIBLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG', 'EISDIR']);

/** A file system error as one of ours that names the path. */
function fileError(path: string, cause: unknown): AlphapoError {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new AlphapoError('not-found', 'FILE_NOT_FOUND', `${path} does not exist: check the path`, { cause });
  }
  if (errno !== undefined && NOT_ACCESSIBLE.has(errno)) {
    return new AlphapoError('failed-precondition', 'FILE_NOT_ACCESSIBLE', `${path}: ${messageOf(cause)}`, { cause });
  }
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new AlphapoError('resource-exhausted', 'DISK_FULL', `${path}: no space left on its volume`, { cause });
  }
  return new AlphapoError('unavailable', 'FILE_ERROR', `${path}: ${messageOf(cause)}`, { cause });
}

/** The result of a file system operation on `path`; its errors become ours, and ours pass. */
export async function onFile<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof AlphapoError ? error : fileError(path, error);
  }
}

/** A whole file of at most `maxBytes`. Throws FILE_NOT_FOUND, NOT_A_FILE or FILE_TOO_LARGE. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer> {
  return onFile(path, async () => {
    const { size } = await regularFile(path);
    if (size > maxBytes) {
      throw new AlphapoError(
        'resource-exhausted',
        'FILE_TOO_LARGE',
        `${path} has ${size} bytes, more than the limit of ${maxBytes}; is it the right file?`,
      );
    }
    return readFile(path);
  });
}

/** The status of a regular file, symbolic links followed; anything else (a pipe would block its reader) is refused. */
export async function regularFile(path: string) {
  const status = await onFile(path, () => stat(path));
  if (!status.isFile()) {
    throw new AlphapoError('invalid-argument', 'NOT_A_FILE', `${path} is not a regular file: name the file itself`);
  }
  return status;
}

/**
 * Writes a file so that a crash at any time leaves the old content or the new: into a temporary neighbour, flushed,
 * renamed over `path`, the folder flushed. Missing folders are made. On an error nothing is left.
 */
export async function replaceFile<T>(path: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.tmp-${randomUUID()}`);
  return onFile(path, async () => {
    await mkdir(folder, { recursive: true });
    try {
      let result: T;
      {
        await using handle = await open(temporary, 'wx');
        result = await write(handle);
        await handle.sync();
      }
      await rename(temporary, path);
      await syncFolder(folder);
      return result;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  });
}

/** Flushes a folder's entries: after this a rename or a new file survives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
