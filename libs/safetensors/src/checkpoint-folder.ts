import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { TensorArchive } from './archive.ts';
import { onFile, readSmallFile } from './durable-files.ts';
import { readStoredFile } from './file.ts';
import { MAX_HEADER_BYTES } from './header.ts';
import { parseStrictJson } from './strict-json.ts';

/** Names that transformers gives to the weights of a model folder. */
export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

/** Opens one safetensors file; see `readStoredFile` for the errors. */
export async function openSafetensors(file: string): Promise<TensorArchive> {
  return new TensorArchive([await readStoredFile(file)]);
}

/**
 * Opens the weights of a Hugging Face model folder: `model.safetensors`, else the shards that
 * `model.safetensors.index.json` names. Throws NO_WEIGHTS where neither is there, and a data-loss error where index and
 * shards disagree.
 */
export async function openCheckpoint(folder: string): Promise<TensorArchive> {
  const root = resolve(folder);
  if (await exists(join(root, SINGLE_FILE))) return openSafetensors(join(root, SINGLE_FILE));
  const index = join(root, INDEX_FILE);
  if (!(await exists(index))) throw await noWeights(root);
  const weightMap = parseWeightMap(await readSmallFile(index, MAX_HEADER_BYTES), index);
  const shards = [...new Set(weightMap.values())].sort();
  for (const shard of shards) {
    if (!(await exists(join(root, shard)))) throw missingShard(index, shard);
  }
  const archive = new TensorArchive(await Promise.all(shards.map((shard) => readStoredFile(join(root, shard)))));
  for (const [name, shard] of weightMap) {
    const found = archive.tensors.get(name)?.file;
    if (found === undefined || basename(found) !== shard) throw misplacedTensor(index, name, shard, found);
  }
  return archive;
}

function parseWeightMap(bytes: Uint8Array, index: string): ReadonlyMap<string, string> {
  const { weight_map: map } = parseStrictJson(bytes, index);
  if (typeof map !== 'object' || map === null || Array.isArray(map) || Object.keys(map).length === 0) {
    throw new AlphapoError('data-loss', 'INVALID_INDEX', `${index} has no weight_map object: fetch it again`);
  }
  const entries = Object.entries(map as Record<string, unknown>);
  return new Map(entries.map(([name, shard]) => [name, checkedShardName(shard, name, index)]));
}

/** Shards lie beside their index. Anything else could make us read a file outside of the model folder. */
function checkedShardName(shard: unknown, tensor: string, index: string): string {
  if (typeof shard === 'string' && shard.endsWith('.safetensors') && !/[/\\\0]/.test(shard)) return shard;
  throw new AlphapoError(
    'data-loss',
    'INVALID_SHARD_NAME',
    `${index}: weight_map[${JSON.stringify(tensor)}] is ${JSON.stringify(shard)}, not the name of a .safetensors file in the same folder; this model may be malicious`,
    { metadata: { tensor } },
  );
}

function missingShard(index: string, shard: string): AlphapoError {
  return new AlphapoError(
    'not-found',
    'SHARD_NOT_FOUND',
    `${index} names ${shard}, which is not in the folder; the download is incomplete, resume it`,
    { metadata: { shard } },
  );
}

function misplacedTensor(index: string, tensor: string, shard: string, found: string | undefined): AlphapoError {
  const where = found === undefined ? 'no shard has it' : `${basename(found)} has it`;
  return new AlphapoError(
    'data-loss',
    'INDEX_MISMATCH',
    `${index} places tensor ${JSON.stringify(tensor)} in ${shard}, but ${where}: index and shards belong to different models`,
    { metadata: { tensor } },
  );
}

async function noWeights(folder: string): Promise<AlphapoError> {
  const names = await onFile(folder, () => readdir(folder));
  const pickled = names.find((name) => /^pytorch_model.*\.bin/.test(name));
  const hint =
    pickled === undefined
      ? 'name the folder of a model'
      : `convert ${pickled} with transformers' save_pretrained first`;
  return new AlphapoError('not-found', 'NO_WEIGHTS', `${folder} has neither ${SINGLE_FILE} nor ${INDEX_FILE}: ${hint}`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
