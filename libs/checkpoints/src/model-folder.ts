import { mkdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AlphapoError, sameShape } from '@alphapo/base';
import {
  type FloatDataType,
  onFile,
  openCheckpoint,
  readSmallFile,
  replaceFile,
  type TensorArchive,
  type TensorToWrite,
  tensorBytes,
  writeShardedCheckpoint,
} from '@alphapo/safetensors';
import { copyGenerationFile, copyTokenizerFiles } from './companion-files.ts';
import {
  TORCH_NAMES,
  type TrainedTensor,
  type TrainedTensors,
  TrainedWeights,
  type WrittenModel,
} from './trained-weights.ts';

/** Bytes of tensor data in a file, as for large models on the hub. */
export const MAX_SHARD_BYTES = 5_000_000_000;
const CONFIG_FILE = 'config.json';
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;
/** A head that is tied to the embedding may be stored all the same, and is then a copy of it. */
const HEAD = 'lm_head.weight';
const EMBEDDING = /(^|\.)(embed_tokens|wte)\.weight$/;

/** Told before a tensor is written: its name, the bytes of those before it, and of all. */
export type OnTensor = (name: string, bytesBefore: number, totalBytes: number) => void;

/** A model with trained weights, and how it is stored. */
interface TrainedModel {
  /** The model that it was before. */
  readonly sourceFolder: string;
  readonly tensors: TrainedTensors;
  /** What the trained tensors are rounded to; by default each to the type that the source stores it in. */
  readonly dataType?: FloatDataType | 'as-stored' | undefined;
  /** Whether config.json gets the data type of the trained weights, because transformers casts to it on loading (the default). */
  readonly configuration?: 'with-data-type' | 'as-is' | undefined;
  /** Where tokenizer and chat templates are copied from; by default the source. */
  readonly tokenizerFolder?: string | undefined;
  /** Larger weights are divided into several files. */
  readonly maxShardBytes?: number | undefined;
  readonly onTensor?: OnTensor | undefined;
}

/**
 * Writes a Hugging Face model folder: the model in `sourceFolder` with `tensors` in place of its own of these names, under the names
 * that the source has. Other tensors stay as they are, but for a stored copy of a trained embedding. Tokenizer files and generation
 * settings are copied where the source has them. Besides what `tensors` holds, one tensor is in memory at a time.
 *
 * Throws TENSORS_MISMATCH where the source lacks a tensor or has it in another shape, INVALID_TARGET_FOLDER where
 * source and target are the same, WEIGHT_TOO_LARGE where a weight is beyond the data type, and the errors of reading the source.
 */
export async function writeModel(folder: string, model: TrainedModel): Promise<WrittenModel> {
  const { sourceFolder, tensors, dataType = 'as-stored', configuration = 'with-data-type' } = model;
  const { tokenizerFolder = sourceFolder, maxShardBytes = MAX_SHARD_BYTES, onTensor } = model;
  const source = await openCheckpoint(sourceFolder);
  const trained = underStoredNames(source, tensors, sourceFolder);
  await checkTarget(folder, sourceFolder);
  const written = new TrainedWeights(source, dataType);
  const all = withTrained(source, trained, written);
  await writeShardedCheckpoint(folder, onTensor === undefined ? all : observed(all, onTensor), maxShardBytes);
  await copyTokenizerFiles(tokenizerFolder, folder);
  await copyGenerationFile(sourceFolder, folder);
  const types = written.summary.dataTypes;
  // Where types are mixed, the source's configuration says what transformers casts to.
  const [only] = types;
  const retyped = configuration === 'with-data-type' && types.length === 1;
  await writeConfig(folder, sourceFolder, retyped ? only : undefined);
  return written.summary;
}

function withTrained(source: TensorArchive, trained: TrainedTensors, written: TrainedWeights): TensorToWrite[] {
  const headIsCopy = !trained.has(HEAD) && [...trained.keys()].some((name) => EMBEDDING.test(name));
  const stored = [...source.tensors.values()].filter(({ name }) => name !== HEAD || !headIsCopy);
  return stored.map(({ name, dtype, shape }) => {
    const tensor = trained.get(name);
    return tensor === undefined
      ? { name, dtype, shape, data: () => source.readBytes(name) }
      : { name, dtype: written.typeOf(name), shape, data: () => written.encode(name, tensor) };
  });
}

/** The same tensors; `onTensor` is called before the data of each is fetched. */
function observed(tensors: readonly TensorToWrite[], onTensor: OnTensor): TensorToWrite[] {
  const totalBytes = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  let bytesBefore = 0;
  return tensors.map((tensor) => ({
    ...tensor,
    data: () => {
      onTensor(tensor.name, bytesBefore, totalBytes);
      bytesBefore += tensorBytes(tensor);
      return typeof tensor.data === 'function' ? tensor.data() : tensor.data;
    },
  }));
}

/**
 * transformers 4 calls the field `torch_dtype`, transformers 5 `dtype`. Edited as text: JavaScript would write the
 * number 10000.0 as 10000, which Python tells apart.
 */
async function writeConfig(folder: string, sourceFolder: string, dataType: FloatDataType | undefined): Promise<void> {
  const file = join(sourceFolder, CONFIG_FILE);
  const text = (await readSmallFile(file, MAX_CONFIG_BYTES)).toString();
  const changed = dataType === undefined ? text : withDataType(text, TORCH_NAMES[dataType]);
  await replaceFile(join(folder, CONFIG_FILE), (handle) => handle.writeFile(changed));
}

function withDataType(config: string, dataType: string): string {
  const name = JSON.stringify(dataType);
  const field = /("(?:torch_)?dtype"\s*:\s*)(?:"[^"]*"|null)/g;
  return field.test(config) ? config.replace(field, `$1${name}`) : config.replace('{', `{\n  "torch_dtype": ${name},`);
}

function underStoredNames(source: TensorArchive, tensors: TrainedTensors, sourceFolder: string): TrainedTensors {
  const stored = new Map<string, TrainedTensor>();
  for (const [name, tensor] of tensors) {
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
      `tensor ${JSON.stringify(name)} of shape [${shape.join(', ')}] was trained, but ${sourceFolder} ${found}; use the model that the run started from`,
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
      `${resolve(folder)} is the base model's folder and would be overwritten; choose another one`,
    );
  }
}
