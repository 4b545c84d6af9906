import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canonicalJson } from '@alphapo/base';
import { INDEX_FILE, SINGLE_FILE } from './checkpoint-folder.ts';
import { onFile, replaceFile } from './durable-files.ts';
import { type TensorToWrite, tensorBytes, writeSafetensors } from './writer.ts';

/** transformers refuses files that don't say which framework their layout is of. */
const METADATA = { format: 'pt' };
/** What transformers calls weights; anything else in the folder is not ours. */
const WEIGHT_FILE = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/**
 * Writes the weights of a model folder as transformers does: `model.safetensors` when they fit into `maxShardBytes` of
 * data, else `model-00001-of-0000N.safetensors` and `model.safetensors.index.json`. Tensors are never divided: one
 * larger than the limit has a shard of its own. The index comes last, and then older weights in the folder are removed.
 * Returns the names of the files. Errors as `writeSafetensors`.
 */
export async function writeShardedCheckpoint(
  folder: string,
  tensors: Iterable<TensorToWrite>,
  maxShardBytes: number,
): Promise<readonly string[]> {
  const root = resolve(folder);
  const shards = divide(tensors, maxShardBytes);
  const names =
    shards.length === 1
      ? [SINGLE_FILE]
      : shards.map((_, i) => `model-${fiveDigits(i + 1)}-of-${fiveDigits(shards.length)}.safetensors`);
  const weightMap = new Map<string, string>();
  let totalBytes = 0;
  for (const [i, shard] of shards.entries()) {
    const name = names[i] as string;
    await writeSafetensors(join(root, name), shard, METADATA);
    for (const tensor of shard) {
      weightMap.set(tensor.name, name);
      totalBytes += tensorBytes(tensor);
    }
  }
  if (shards.length > 1) {
    const index = { metadata: { total_size: totalBytes }, weight_map: Object.fromEntries(weightMap) };
    await replaceFile(join(root, INDEX_FILE), (handle) => handle.writeFile(indented(index)));
    names.push(INDEX_FILE);
  }
  await removeOlderWeights(root, new Set(names));
  return names;
}

/** Fills one shard after the other, in the given order. At least one shard, perhaps without tensors. */
function divide(tensors: Iterable<TensorToWrite>, maxShardBytes: number): TensorToWrite[][] {
  let shard: TensorToWrite[] = [];
  let bytes = 0;
  const shards = [shard];
  for (const tensor of tensors) {
    const size = tensorBytes(tensor);
    if (shard.length > 0 && bytes + size > maxShardBytes) {
      shard = [];
      bytes = 0;
      shards.push(shard);
    }
    shard.push(tensor);
    bytes += size;
  }
  return shards;
}

/** A reader prefers `model.safetensors`: one left from before would hide new shards. */
async function removeOlderWeights(folder: string, written: ReadonlySet<string>): Promise<void> {
  await onFile(folder, async () => {
    for (const name of await readdir(folder)) {
      if (WEIGHT_FILE.test(name) && !written.has(name)) await rm(join(folder, name));
    }
  });
}

function fiveDigits(count: number): string {
  return String(count).padStart(5, '0');
}

/** Sorted keys and two spaces, as transformers writes its index. */
function indented(value: unknown): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(value)), null, 2)}\n`;
}
