import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { z } from 'zod';
import { type CacheOptions, commitOf, folderOfCommit, notInCache } from './cached-commit.ts';
import { fetchFile } from './fetch-file.ts';
import type { FetchOptions } from './fetch-model.ts';
import { Hub, type HubFile } from './hub.ts';
import { takeTurn } from './turn.ts';

export type DatasetOptions = Omit<CacheOptions, 'kind'> & Pick<FetchOptions, 'onProgress' | 'onWait'>;

/** A data set of a hub at one commit; its files are fetched as they are asked for. */
export interface CachedDataset {
  readonly commit: string;
  /** Of all of its files. */
  readonly paths: readonly string[];
  /** What its README.md says. */
  readonly card: string | undefined;
  /** Files by their paths, as files of the cache with the hub's digests, in the order of the paths. Errors: those of fetchModel, NOT_IN_CACHE. */
  fetch(paths: readonly string[]): Promise<readonly string[]>;
}

const CARD = 'README.md';
const LISTING = '.alphapo-files.json';
const listingSchema = z.array(
  z.object({
    path: z.string(),
    size: z.number(),
    digest: z.object({ algorithm: z.enum(['sha256', 'git-blob']), hex: z.string() }),
  }),
);

/**
 * Opens a data set. The list of a commit's files is asked for once; files that are in the cache are checked against it each time, and fetched
 * anew where they are damaged. Errors: HUB_REFUSED, HUB_UNAVAILABLE, NOT_IN_CACHE, UNSAFE_PATH.
 */
export async function openDataset(given: DatasetOptions): Promise<CachedDataset> {
  const options: CacheOptions & DatasetOptions = { ...given, kind: 'dataset' };
  const commit = await commitOf(options);
  const folder = folderOfCommit(options, commit);
  await mkdir(folder, { recursive: true });
  const hub = new Hub({ ...options, revision: commit });
  const files = await filesOf(hub, commit, { folder, options });
  const fetch = (paths: readonly string[]) => fetchAll(hub, commit, { folder, options, files, paths });
  const [card] = files.has(CARD) ? await fetch([CARD]) : [];
  return {
    commit,
    paths: [...files.keys()],
    card: card === undefined ? undefined : await readFile(card, 'utf8'),
    fetch,
  };
}

interface Place {
  readonly folder: string;
  readonly options: CacheOptions & DatasetOptions;
}

async function filesOf(hub: Hub, commit: string, { folder, options }: Place): Promise<ReadonlyMap<string, HubFile>> {
  const path = join(folder, LISTING);
  const known = await knownListing(path);
  if (known !== undefined) return byPath(known);
  if (options.offline === true) notInCache(options);
  const files = await hub.files(commit);
  await writeFile(`${path}.${process.pid}.new`, JSON.stringify(files));
  await rename(`${path}.${process.pid}.new`, path);
  return byPath(files);
}

/** Undefined where there is none, or it cannot be read: then the hub is asked. */
async function knownListing(path: string): Promise<readonly HubFile[] | undefined> {
  try {
    return listingSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Files are written by their paths, so none may lead out of the cache. Errors: UNSAFE_PATH. */
function byPath(files: readonly HubFile[]): ReadonlyMap<string, HubFile> {
  const unsafe = files.find(({ path }) =>
    path.split(/[/\\]/).some((name) => name === '' || name === '.' || name === '..' || name.includes('\0')),
  );
  if (unsafe === undefined) return new Map(files.map((file) => [file.path, file]));
  const problem = `the hub names the file ${JSON.stringify(unsafe.path)}, which is not a path within a folder`;
  throw new AlphapoError('data-loss', 'UNSAFE_PATH', problem);
}

async function fetchAll(
  hub: Hub,
  commit: string,
  {
    folder,
    options,
    files,
    paths,
  }: Place & { readonly files: ReadonlyMap<string, HubFile>; readonly paths: readonly string[] },
): Promise<readonly string[]> {
  const wanted = paths.map((path) => {
    const file = files.get(path);
    if (file !== undefined) return file;
    throw new AlphapoError('not-found', 'FILE_NOT_FOUND', `${options.repository} has no ${path} at ${commit}`);
  });
  const totalBytes = wanted.reduce((sum, { size }) => sum + size, 0);
  let fetchedBytes = 0;
  await using _turn = await takeTurn(folder, options);
  for (const file of wanted) {
    await fetchFile(hub, commit, file, {
      folder,
      ...(options.signal !== undefined && { signal: options.signal }),
      onBytes: (bytes) => {
        fetchedBytes += bytes;
        options.onProgress?.({ file: file.path, fetchedBytes, totalBytes });
      },
      ...(options.offline === true && { onMissing: () => notInCache(options) }),
    });
  }
  return wanted.map(({ path }) => join(folder, path));
}
