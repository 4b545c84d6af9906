import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { wrongDigest } from './digests.ts';
import { fetchFile } from './fetch-file.ts';
import { Hub, type HubFile, type HubOptions, TEMPLATES_FOLDER } from './hub.ts';
import { readRecord, writeRecord } from './record.ts';
import { takeTurn } from './turn.ts';

export interface FetchOptions extends HubOptions {
  /** Folder that becomes the model folder. */
  readonly out: string;
  /** SHA-256 in hexadecimal that files must have, by their names, whatever the hub says. */
  readonly pinned?: ReadonlyMap<string, string>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** Called once where another process is fetching into the folder, and is waited for. */
  readonly onWait?: (() => void) | undefined;
}

export interface FetchProgress {
  readonly file: string;
  readonly fetchedBytes: number;
  /** Of all files. */
  readonly totalBytes: number;
}

export interface FetchedModel {
  /** The commit that the revision named when the model was fetched. */
  readonly commit: string;
  readonly files: readonly string[];
  /** False where the folder held this model already. */
  readonly fetched: boolean;
}

/** What a model folder is read from: configuration, weights, tokenizer, chat templates. */
const WANTED = new RegExp(
  `^(?:[\\w.-]+\\.safetensors|[\\w.-]+\\.json|tokenizer\\.model|chat_template\\.jinja|${TEMPLATES_FOLDER}/[\\w.-]+\\.jinja)$`,
);

/**
 * Makes `out` the model folder of a repository's revision. What an interrupted call has fetched is not fetched again; each file
 * is checked against the digest that the hub has of it, and against a pinned one. A folder that holds this model already is
 * left alone, without asking the hub: a branch that has moved meanwhile does not change a model that is in use. Of several processes
 * that want the same folder, one fetches and the others wait.
 *
 * Errors: OTHER_MODEL where the folder holds another one, NOT_A_MODEL, FILE_NOT_FOUND of a pinned file, WRONG_DIGEST, HUB_REFUSED,
 * HUB_UNAVAILABLE.
 */
export async function fetchModel(options: FetchOptions): Promise<FetchedModel> {
  const { out } = options;
  await mkdir(out, { recursive: true });
  const there = await heldModel(options);
  if (there !== undefined) return there;
  await using _turn = await takeTurn(out, options);
  return (await heldModel(options)) ?? (await fetchAll(options));
}

/** What the folder holds, if it was fetched whole. Errors: OTHER_MODEL, WRONG_DIGEST. */
async function heldModel({ out, repository, revision, pinned = new Map() }: FetchOptions) {
  const record = await readRecord(out);
  if (record === undefined) return undefined;
  if (record.repository !== repository || record.revision !== revision) throw otherModel(out, record);
  for (const [file, hex] of pinned) {
    const wrong = await wrongDigest(join(out, file), [{ algorithm: 'sha256', hex }]);
    if (wrong !== undefined) throw wrong;
  }
  return { commit: record.commit, files: record.files, fetched: false };
}

async function fetchAll(options: FetchOptions): Promise<FetchedModel> {
  const { out, repository, revision, pinned = new Map() } = options;
  const hub = new Hub(options);
  const commit = await hub.commit();
  const files = (await hub.files(commit)).filter(({ path }) => WANTED.test(path));
  checkComplete(files, pinned, options);
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
  let fetchedBytes = 0;
  for (const file of files) {
    const onBytes = (bytes: number) => {
      fetchedBytes += bytes;
      options.onProgress?.({ file: file.path, fetchedBytes, totalBytes });
    };
    await fetchFile(hub, commit, file, { ...options, folder: out, sha256: pinned.get(file.path), onBytes });
  }
  const names = files.map(({ path }) => path);
  await writeRecord(out, { repository, revision, commit, files: names });
  return { commit, files: names, fetched: true };
}

function checkComplete(
  files: readonly HubFile[],
  pinned: ReadonlyMap<string, string>,
  { repository, revision }: HubOptions,
): void {
  const names = new Set(files.map(({ path }) => path));
  const missing = [...pinned.keys()].find((name) => !names.has(name));
  if (missing !== undefined) {
    throw new AlphapoError(
      'not-found',
      'FILE_NOT_FOUND',
      `${repository} at ${revision} has no ${missing}, but a digest was given for it; it has ${[...names].join(', ')}`,
    );
  }
  if (names.has('config.json') && files.some(({ path }) => path.endsWith('.safetensors'))) return;
  throw new AlphapoError(
    'failed-precondition',
    'NOT_A_MODEL',
    `${repository} at ${revision} has no config.json with safetensors; use a repository in the transformers format`,
  );
}

function otherModel(out: string, record: { readonly repository: string; readonly revision: string }): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'OTHER_MODEL',
    `${out} already has ${record.repository} at ${record.revision}; choose another folder or empty this one`,
  );
}
