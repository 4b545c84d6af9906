import { copyFile, mkdir, readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AlphapoError, type FloatTensor, type FloatTensors, sameShape } from '@alphapo/base';
import {
  encodeFloats,
  type FloatDataType,
  onFile,
  openCheckpoint,
  readSmallFile,
  replaceFile,
  type TensorArchive,
  type TensorToWrite,
  writeShardedCheckpoint,
} from '@alphapo/safetensors';

/** transformers' limit, in bytes of tensor data. */
const MAX_SHARD_BYTES = 5_000_000_000;
const CONFIG_FILE = 'config.json';
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;
/** A head that is tied to the embedding may be stored all the same, and is then a copy of it. */
const HEAD = 'lm_head.weight';
const EMBEDDING = /(^|\.)(embed_tokens|wte)\.weight$/;
/** What belongs to a model beside weights and configuration. */
const COMPANION_FILES: ReadonlySet<string> = new Set([
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'merges.txt',
  'special_tokens_map.json',
  'spiece.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
]);
const TORCH_NAMES: Readonly<Record<FloatDataType, string>> = {
  f64: 'float64',
  f32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
};

/**
 * Writes a Hugging Face model folder: the model in `sourceFolder` with `tensors` in place of its own of these names,
 * stored as `dataType` (f32 unless given) under the names that the source has; other tensors as they are, but for a
 * stored copy of a trained embedding. Tokenizer files and generation settings are copied where the source has them, and
 * `config.json` with the data type of the weights, since transformers casts to it on loading. Shards above 5 GB.
 *
 * Throws TENSORS_MISMATCH where the source lacks a tensor or has it in another shape, INVALID_TARGET_FOLDER where
 * source and target are the same, and the errors of reading the source.
 */
export async function writeModel(
  folder: string,
  model: { readonly sourceFolder: string; readonly tensors: FloatTensors; readonly dataType?: FloatDataType },
): Promise<void> {
  const { sourceFolder, tensors, dataType = 'f32' } = model;
  const source = await openCheckpoint(sourceFolder);
  const trained = underStoredNames(source, tensors, sourceFolder);
  await checkTarget(folder, sourceFolder);
  await writeShardedCheckpoint(folder, merged(source, trained, dataType), MAX_SHARD_BYTES);
  await onFile(folder, async () => {
    for (const name of await readdir(sourceFolder)) {
      if (COMPANION_FILES.has(name)) await copyFile(join(sourceFolder, name), join(folder, name));
    }
  });
  await writeConfig(folder, sourceFolder, dataType);
}

function* merged(source: TensorArchive, trained: FloatTensors, dataType: FloatDataType): Generator<TensorToWrite> {
  const headIsCopy = !trained.has(HEAD) && [...trained.keys()].some((name) => EMBEDDING.test(name));
  for (const { name, dtype, shape } of source.tensors.values()) {
    if (name === HEAD && headIsCopy) continue;
    const tensor = trained.get(name);
    yield tensor === undefined
      ? { name, dtype, shape, data: () => source.readBytes(name) }
      : { name, dtype: dataType, shape, data: () => encodeFloats(dataType, tensor.data) };
  }
}

/**
 * transformers 4 calls the field `torch_dtype`, transformers 5 `dtype`. Edited as text: JavaScript would write the
 * number 10000.0 as 10000, which Python tells apart.
 */
async function writeConfig(folder: string, sourceFolder: string, dataType: FloatDataType): Promise<void> {
  const file = join(sourceFolder, CONFIG_FILE);
  const text = (await readSmallFile(file, MAX_CONFIG_BYTES)).toString();
  const name = JSON.stringify(TORCH_NAMES[dataType]);
  const field = /("(?:torch_)?dtype"\s*:\s*)(?:"[^"]*"|null)/g;
  const changed = field.test(text)
    ? text.replace(field, `$1${name}`)
    : text.replace('{', `{\n  "torch_dtype": ${name},`);
  await replaceFile(join(folder, CONFIG_FILE), (handle) => handle.writeFile(changed));
}

function underStoredNames(source: TensorArchive, tensors: FloatTensors, sourceFolder: string): FloatTensors {
  const stored = new Map<string, FloatTensor>();
  for (const [name, tensor] of tensors as ReadonlyMap<string, FloatTensor>) {
    const { shape } = tensor;
    const expected = source.findParameter(name);
    if (expected !== undefined && sameShape(expected.shape, shape)) {
      stored.set(expected.name, tensor);
      continue;
    }
    const found = expected === undefined ? 'has no such tensor' : `has it in shape [${expected.shape.join(', ')}]`;
    throw new AlphapoError(
      'failed-precondition',
      'TENSORS_MISMATCH',
      `tensor ${JSON.stringify(name)} of shape [${shape.join(', ')}] was trained, but ${sourceFolder} ${found}: name the model that the run started from`,
      { metadata: { tensor: name } },
    );
  }
  return stored;
}

async function checkTarget(folder: string, sourceFolder: string): Promise<void> {
  await onFile(folder, () => mkdir(folder, { recursive: true }));
  const [target, source] = [await realpath(folder), await realpath(sourceFolder)];
  if (target === source) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_TARGET_FOLDER',
      `${resolve(folder)} is the folder of the base model, which would be overwritten: name another one`,
    );
  }
}
