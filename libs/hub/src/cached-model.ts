import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheOptions, commitOf, folderOfCommit, notInCache } from './cached-commit.ts';
import { fetchFile } from './fetch-file.ts';
import { type FetchOptions, fetchModel } from './fetch-model.ts';
import { Hub } from './hub.ts';
import { readRecord } from './record.ts';

export interface CachedModelOptions extends CacheOptions, Pick<FetchOptions, 'onProgress' | 'onWait'> {
  /** `configuration`: config.json is enough. */
  readonly needs: 'all' | 'configuration';
}

export interface CachedModel {
  readonly commit: string;
  /** A model folder, or one with just its config.json. */
  readonly folder: string;
}

const CONFIGURATION = 'config.json';

/** A model of a hub as a folder of the cache, fetched where it is not there. Errors: those of fetchModel, NOT_IN_CACHE. */
export async function cachedModel(options: CachedModelOptions): Promise<CachedModel> {
  const commit = await commitOf(options);
  const folder = folderOfCommit(options, commit);
  if ((await readRecord(folder)) !== undefined) return { commit, folder };
  if (options.needs === 'configuration') return { commit, folder: await configurationOf(options, commit, folder) };
  if (options.offline === true) notInCache(options);
  await fetchModel({ ...options, revision: commit, out: folder });
  return { commit, folder };
}

/** A folder beside the model's: with config.json alone, it is none. */
async function configurationOf(options: CachedModelOptions, commit: string, model: string): Promise<string> {
  const folder = `${model}-configuration`;
  if (await isThere(join(folder, CONFIGURATION))) return folder;
  if (options.offline === true) notInCache(options);
  const hub = new Hub({ ...options, revision: commit });
  const file = (await hub.files(commit)).find(({ path }) => path === CONFIGURATION);
  // Says what is wrong with the repository, as it would without `needs`.
  if (file === undefined) await fetchModel({ ...options, revision: commit, out: model });
  else await fetchFile(hub, commit, file, { folder, onBytes: () => {} });
  return folder;
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
