import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { Hub, type HubOptions } from './hub.ts';

/** A hub's repository, kept on disk by its commits. */
export interface CacheOptions extends HubOptions {
  /** Folder of the cache; it is made where it is not there. */
  readonly cache: string;
  /** Where true, the hub is not asked: what is not in the cache is an error. */
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what a person should know, such as that the hub did not answer. */
  readonly onNote?: ((note: string) => void) | undefined;
}

const COMMIT = /^[0-9a-f]{40}$/;

/** Where a commit's files are kept. */
export function folderOfCommit({ cache, kind = 'model', repository }: CacheOptions, commit: string): string {
  return join(cache, `${kind}s`, repository, commit);
}

/**
 * The commit that the revision names: a commit is itself, without a question; else the hub says it. Where the hub does not answer, what it said
 * last is taken, and noted. Errors: HUB_REFUSED, HUB_UNAVAILABLE, NOT_IN_CACHE.
 */
export async function commitOf(options: CacheOptions): Promise<string> {
  const { cache, kind = 'model', repository, revision, offline = false } = options;
  if (COMMIT.test(revision)) return revision;
  const reference = join(cache, `${kind}s`, repository, 'refs', encodeURIComponent(revision));
  const known = await lastKnown(reference);
  if (offline) return known ?? notInCache(options);
  try {
    const commit = await new Hub(options).commit();
    await mkdir(dirname(reference), { recursive: true });
    await writeFile(`${reference}.${process.pid}.new`, commit);
    await rename(`${reference}.${process.pid}.new`, reference);
    return commit;
  } catch (error) {
    const unavailable = error instanceof AlphapoError && error.reason === 'HUB_UNAVAILABLE';
    if (!unavailable || known === undefined) throw error;
    options.onNote?.(`${error.message}; using commit ${known}, the last known one of ${revision}`);
    return known;
  }
}

async function lastKnown(reference: string): Promise<string | undefined> {
  const text = await readFile(reference, 'utf8').catch(() => '');
  return COMMIT.test(text) ? text : undefined;
}

/** Throws NOT_IN_CACHE. */
export function notInCache({ repository, revision, cache }: CacheOptions): never {
  throw new AlphapoError(
    'failed-precondition',
    'NOT_IN_CACHE',
    `${repository} at ${revision} is not in ${cache}, and HF_HUB_OFFLINE prevents a download; unset it, or download first`,
  );
}
