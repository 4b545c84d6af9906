import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { wrongDigest } from './digests.ts';
import type { Hub, HubFile } from './hub.ts';
import { appendFrom, sizeOf } from './resumed-file.ts';

/** What is half there: a file is renamed only when its digest is the right one. */
const UNFINISHED = '.unfinished';

interface FileOptions {
  /** Where the file goes, by its path in the repository. */
  readonly folder: string;
  /** What its digest must be, whatever the hub says; in hexadecimal. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes: (bytes: number) => void;
  /** Called before the hub is asked for the file; it may throw. */
  readonly onMissing?: () => void;
}

/** Fetches what is not there. What is there and wrong, say of a commit before, is fetched anew. Errors: WRONG_DIGEST. */
export async function fetchFile(hub: Hub, commit: string, file: HubFile, options: FileOptions): Promise<void> {
  const path = join(options.folder, file.path);
  const { sha256 } = options;
  const digests = [file.digest, ...(sha256 === undefined ? [] : [{ algorithm: 'sha256', hex: sha256 } as const])];
  if ((await sizeOf(path)) > 0 && (await wrongDigest(path, digests)) === undefined) {
    options.onBytes(file.size);
    return;
  }
  options.onMissing?.();
  const unfinished = `${path}${UNFINISHED}`;
  await mkdir(dirname(path), { recursive: true });
  if (file.size === 0) return writeFile(path, '');
  const content = await hub.content(commit, file);
  for (;;) {
    const begun = await sizeOf(unfinished);
    if (begun <= file.size) await appendFrom(content, unfinished, options);
    const wrong = await wrongDigest(unfinished, digests);
    if (wrong === undefined) break;
    options.onBytes(-(await sizeOf(unfinished)));
    await rm(unfinished);
    if (begun === 0) throw wrong;
  }
  await rename(unfinished, path);
}
