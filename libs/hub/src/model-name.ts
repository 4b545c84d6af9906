import { readFile } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { readRecord } from './record.ts';

/** What programs find a model by: a repository of a hub, perhaps at a revision, or a folder. */
export interface ModelName {
  readonly name: string;
  readonly revision?: string | undefined;
}

const OWNER_AND_NAME = /^[\w.-]+\/[\w.-]+$/;
/** `owner/name@revision`, as people write it; paths may have an @ too. */
const AT_REVISION = /^(?<name>[\w.-]+\/[\w.-]+)@(?<revision>[^@/]+)$/;
/** The folder of a repository in the cache of huggingface_hub, below which the snapshots of commits are. */
const CACHED_REPOSITORY = /^models--(?<owner>[\w.-]+?)--(?<name>[\w.-]+)$/;
const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a name can be one of a hub's: relative paths with one slash look the same, and do not exist where they are no folders. */
export const isHubName = (name: string): boolean => OWNER_AND_NAME.test(name) && !name.startsWith('.');

/**
 * The name that others find a model's folder by: the given one, as `owner/name`, `owner/name@revision` or a path; else the first that is known
 * of the repository and commit that `alphapo fetch-model` or a cache wrote it for, the folder's place in the cache of huggingface_hub, and
 * `_name_or_path` of config.json. The last is believed only if the folder is called the same: it often names the model that this
 * one was trained from. Else the folder as it was given.
 */
export async function modelName(folder: string, given: string | undefined): Promise<ModelName> {
  if (given !== undefined) {
    const { name, revision } = AT_REVISION.exec(given)?.groups ?? {};
    return name === undefined ? { name: given } : { name, revision };
  }
  const fetched = await readRecord(folder);
  if (fetched !== undefined) return { name: fetched.repository, revision: fetched.commit };
  return cachedName(folder) ?? (await configuredName(folder)) ?? { name: folder };
}

/** `…/models--owner--name/snapshots/COMMIT` */
function cachedName(folder: string): ModelName | undefined {
  const [repository, snapshots, commit] = resolve(folder).split(sep).slice(-3);
  const { owner, name } = CACHED_REPOSITORY.exec(repository ?? '')?.groups ?? {};
  if (owner === undefined || snapshots !== 'snapshots' || commit === undefined) return undefined;
  return { name: `${owner}/${name}`, revision: COMMIT.test(commit) ? commit : undefined };
}

async function configuredName(folder: string): Promise<ModelName | undefined> {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
  const name = nameIn(text);
  if (name === undefined || !isHubName(name)) return undefined;
  const isSame = basename(name).toLowerCase() === basename(resolve(folder)).toLowerCase();
  return isSame ? { name } : undefined;
}

/** A configuration that is none is another reader's problem. */
function nameIn(text: string): string | undefined {
  try {
    const { _name_or_path: name } = JSON.parse(text) as { readonly _name_or_path?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
