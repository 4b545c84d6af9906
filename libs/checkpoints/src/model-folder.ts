import { copyFile, mkdir, readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AlphapoError, type DataType, type FloatTensor, type FloatTensors, sameShape } from '@alphapo/base';
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
/** Chat templates with names, one file each. */
const TEMPLATES_FOLDER = 'additional_chat_templates';
const TORCH_NAMES: Readonly<Record<FloatDataType, string>> = {
  f64: 'float64',
  f32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
};

/** What became of the trained weights in their files. */
export interface WrittenModel {
  /** As trained tensors are stored now, each type once. */
  readonly dataTypes: readonly FloatDataType[];
  /** Elements of trained tensors. */
  readonly weights: number;
  /** Those that differ from the source, as stored: small updates can be lost in the rounding to 16 bits. */
  readonly changedWeights: number;
}

/**
 * Writes a Hugging Face model folder: the model in `sourceFolder` with `tensors` in place of its own of these names, under the names
 * that the source has. They are rounded to `dataType`, or each to the type that the source stores it in (the default). Other
 * tensors stay as they are, but for a stored copy of a trained embedding. Tokenizer files and generation settings are copied where the source has them, and
 * `config.json` with the data type of the weights, since transformers casts to it on loading. Shards above 5 GB.
 *
 * Throws TENSORS_MISMATCH where the source lacks a tensor or has it in another shape, INVALID_TARGET_FOLDER where
 * source and target are the same, WEIGHT_TOO_LARGE where a weight is beyond the data type, and the errors of reading the source.
 */
export async function writeModel(
  folder: string,
  model: {
    readonly sourceFolder: string;
    readonly tensors: FloatTensors;
    readonly dataType?: FloatDataType | 'as-stored' | undefined;
  },
): Promise<WrittenModel> {
  const { sourceFolder, tensors, dataType = 'as-stored' } = model;
  const source = await openCheckpoint(sourceFolder);
  const trained = underStoredNames(source, tensors, sourceFolder);
  await checkTarget(folder, sourceFolder);
  const written = new TrainedWeights(source, dataType);
  await writeShardedCheckpoint(folder, merged(source, trained, written), MAX_SHARD_BYTES);
  await onFile(folder, () => copyCompanions(sourceFolder, folder));
  const types = written.summary.dataTypes;
  // Where types are mixed, the source's configuration says what transformers casts to.
  const [only] = types;
  await writeConfig(folder, sourceFolder, types.length === 1 ? only : undefined);
  return written.summary;
}

async function copyCompanions(sourceFolder: string, folder: string): Promise<void> {
  for (const name of await readdir(sourceFolder)) {
    if (COMPANION_FILES.has(name)) await copyFile(join(sourceFolder, name), join(folder, name));
  }
  const templates = await readdir(join(sourceFolder, TEMPLATES_FOLDER)).catch(() => []);
  for (const name of templates.filter((file) => file.endsWith('.jinja'))) {
    await mkdir(join(folder, TEMPLATES_FOLDER), { recursive: true });
    await copyFile(join(sourceFolder, TEMPLATES_FOLDER, name), join(folder, TEMPLATES_FOLDER, name));
  }
}

/** Trained weights on their way into files. */
class TrainedWeights {
  readonly #source: TensorArchive;
  readonly #dataType: FloatDataType | 'as-stored';
  /** By name: a tensor may be asked for again. */
  readonly #written = new Map<string, { dataType: FloatDataType; weights: number; changed: number }>();

  constructor(source: TensorArchive, dataType: FloatDataType | 'as-stored') {
    this.#source = source;
    this.#dataType = dataType;
  }

  /** The type that a tensor is stored in. */
  typeOf(name: string): FloatDataType {
    const { dtype } = this.#source.entry(name);
    if (this.#dataType !== 'as-stored') return this.#dataType;
    return isFloat(dtype) ? dtype : 'f32';
  }

  /** A tensor's elements as they are stored. Errors: WEIGHT_TOO_LARGE. */
  async encode(name: string, { data }: FloatTensor): Promise<ReturnType<typeof encodeFloats>> {
    const dataType = this.typeOf(name);
    const encoded = encodeFloats(dataType, data);
    const before = encodeFloats(dataType, await this.#source.read(name));
    const infinity = INFINITIES[dataType];
    let changed = 0;
    for (let i = 0; i < data.length; i++) {
      if (encoded[i] !== before[i]) changed++;
      if (infinity !== undefined && ((encoded[i] as number) & 0x7fff) === infinity && Number.isFinite(data[i])) {
        throw tooLarge(name, data[i] as number, dataType);
      }
    }
    this.#written.set(name, { dataType, weights: data.length, changed });
    return encoded;
  }

  get summary(): WrittenModel {
    const tensors = [...this.#written.values()];
    return {
      dataTypes: [...new Set(tensors.map(({ dataType }) => dataType))],
      weights: tensors.reduce((sum, { weights }) => sum + weights, 0),
      changedWeights: tensors.reduce((sum, { changed }) => sum + changed, 0),
    };
  }
}

/** Bits of infinity, without the sign, in the types that are narrower than what is trained. */
const INFINITIES: Partial<Record<FloatDataType, number>> = { f16: 0x7c00, bf16: 0x7f80 };

const isFloat = (dtype: DataType): dtype is FloatDataType => dtype in TORCH_NAMES;

function tooLarge(tensor: string, value: number, dataType: FloatDataType): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'WEIGHT_TOO_LARGE',
    `${tensor} has a weight of ${value}, which ${TORCH_NAMES[dataType]} cannot hold: save it as bfloat16 or float32`,
    { metadata: { tensor } },
  );
}

function* merged(source: TensorArchive, trained: FloatTensors, written: TrainedWeights): Generator<TensorToWrite> {
  const headIsCopy = !trained.has(HEAD) && [...trained.keys()].some((name) => EMBEDDING.test(name));
  for (const { name, dtype, shape } of source.tensors.values()) {
    if (name === HEAD && headIsCopy) continue;
    const tensor = trained.get(name);
    yield tensor === undefined
      ? { name, dtype, shape, data: () => source.readBytes(name) }
      : { name, dtype: written.typeOf(name), shape, data: () => written.encode(name, tensor) };
  }
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
