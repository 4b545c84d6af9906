import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { AlphapoError, sameShape } from '@alphapo/base';
import type { ElementType, Graph, Value } from '@alphapo/graph';
import { type ModelDefinition, type Parameter, readModelDefinition } from '@alphapo/models';
import { checkpointDigest, openCheckpoint, type TensorArchive, type TensorEntry } from '@alphapo/safetensors';

const FLOAT_TYPES: readonly string[] = ['f32', 'f16', 'bf16'] satisfies ElementType[];

/** A Hugging Face model folder: its definition, and where each parameter lies. */
export class ModelFolder {
  readonly definition: ModelDefinition;
  readonly digest: string;
  /** The folder that the weight files really lie in (Hugging Face's cache links to them). */
  readonly weightsFolder: string;
  readonly #archive: TensorArchive;
  readonly #entries: ReadonlyMap<string, TensorEntry>;
  /** Each weight file's path with links resolved. */
  readonly #realFiles: ReadonlyMap<string, string>;

  private constructor(
    definition: ModelDefinition,
    archive: TensorArchive,
    entries: ReadonlyMap<string, TensorEntry>,
    places: { digest: string; realFiles: ReadonlyMap<string, string> },
  ) {
    this.definition = definition;
    this.#archive = archive;
    this.#entries = entries;
    this.digest = places.digest;
    this.#realFiles = places.realFiles;
    this.weightsFolder = commonFolder([...places.realFiles.values()]);
  }

  /** Reads config.json and the headers of the weights, and checks that every parameter is there in its shape. */
  static async open(folder: string): Promise<ModelFolder> {
    const definition = await readModelDefinition(folder);
    const archive = await openCheckpoint(folder);
    const entries = new Map(
      definition.parameters.map((parameter) => [parameter.name, findParameter(archive, parameter, folder)]),
    );
    await checkTiedHead(archive, definition.headWeight, folder);
    const realFiles = new Map<string, string>();
    for (const { path } of archive.files) realFiles.set(path, await realpath(path));
    return new ModelFolder(definition, archive, entries, { digest: await checkpointDigest(folder), realFiles });
  }

  get parameterCount(): number {
    return this.definition.parameters.reduce((sum, { shape }) => sum + shape.reduce((n, extent) => n * extent, 1), 0);
  }

  /** A parameter as a frozen weight of the graph, as stored. */
  addWeight(graph: Graph, name: string): Value {
    const entry = this.#entry(name);
    return graph.weight(name, entry.dtype as ElementType, entry.shape, {
      location: basename(this.#realFiles.get(entry.file) as string),
      byteOffset: entry.offset,
      byteLength: entry.byteLength,
    });
  }

  /** A parameter's elements in float32. */
  read(name: string): Promise<Float32Array> {
    return this.#archive.read(this.#entry(name).name);
  }

  #entry(name: string): TensorEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new AlphapoError('internal', 'UNKNOWN_PARAMETER', `the model has no ${name}`);
    return entry;
  }
}

function findParameter(archive: TensorArchive, parameter: Parameter, folder: string): TensorEntry {
  const { name, shape } = parameter;
  const entry = archive.findParameter(name);
  if (entry === undefined) {
    throw new AlphapoError('failed-precondition', 'PARAMETER_MISSING', `${folder} has no parameter ${name}`, {
      metadata: { parameter: name },
    });
  }
  if (!sameShape(entry.shape, shape)) {
    throw new AlphapoError(
      'failed-precondition',
      'PARAMETER_SHAPE',
      `${entry.file}: ${name} has the shape [${entry.shape}], but config.json says [${shape}]`,
      { metadata: { parameter: name } },
    );
  }
  if (!FLOAT_TYPES.includes(entry.dtype)) {
    throw new AlphapoError(
      'failed-precondition',
      'PARAMETER_TYPE',
      `${entry.file}: ${name} is stored as ${entry.dtype}; ${FLOAT_TYPES.join(', ')} can be used`,
      { metadata: { parameter: name } },
    );
  }
  return entry;
}

const HEAD = 'lm_head.weight';

/** A tied head may be stored all the same. One that differs is used by some versions of transformers and not by others. */
async function checkTiedHead(archive: TensorArchive, headWeight: string, folder: string): Promise<void> {
  const tied = archive.findParameter(headWeight);
  if (headWeight === HEAD || tied === undefined || !archive.tensors.has(HEAD)) return;
  const [head, embedding] = [await archive.readBytes(HEAD), await archive.readBytes(tied.name)];
  if (Buffer.compare(head, embedding) === 0) return;
  throw new AlphapoError(
    'failed-precondition',
    'HEAD_NOT_TIED',
    `${folder}: ${HEAD} differs from ${tied.name}, which config.json ties it to: set tie_word_embeddings to false there, or remove the tensor`,
    { metadata: { parameter: HEAD } },
  );
}

function commonFolder(files: readonly string[]): string {
  const folders = new Set(files.map((file) => dirname(file)));
  const [folder, ...others] = folders;
  if (folder === undefined || others.length > 0) {
    throw new AlphapoError(
      'failed-precondition',
      'WEIGHTS_SCATTERED',
      `the weight files are in several folders (${[...folders].join(', ')}); put them into one`,
    );
  }
  return folder;
}
