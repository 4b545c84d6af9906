import { type FileHandle, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { AlphapoError, BYTES_PER_ELEMENT, elementCount, memoryLimit } from '@alphapo/base';
import { onFile } from './durable-files.ts';
import { readFully, type StoredFile, type TensorEntry } from './file.ts';
import { decodeFloats } from './float-elements.ts';

/** Bytes converted at a time: whole elements of every type. */
const CONVERSION_BYTES = 2 ** 24;

/**
 * The tensors of one or more safetensors files. Holds headers only: each read opens the file that has the tensor, and
 * fails with FILE_CHANGED where it is no longer the file whose header was read.
 */
export class TensorArchive {
  readonly files: readonly StoredFile[];
  /** By name, in the order of the files and of the data in each. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;

  /** Use `openCheckpoint` or `openSafetensors`. Throws DUPLICATE_TENSOR where two files have the same tensor. */
  constructor(files: readonly StoredFile[]) {
    if (endianness() !== 'LE') {
      throw new AlphapoError('unimplemented', 'BIG_ENDIAN_HOST', 'safetensors are read on little-endian machines only');
    }
    const tensors = new Map<string, TensorEntry>();
    for (const entry of files.flatMap((file) => file.entries)) {
      const other = tensors.get(entry.name);
      if (other !== undefined) throw duplicateTensor(entry, other);
      tensors.set(entry.name, entry);
    }
    this.files = files;
    this.tensors = tensors;
  }

  /** Where a tensor lies. Throws TENSOR_NOT_FOUND. */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry !== undefined) return entry;
    throw new AlphapoError(
      'not-found',
      'TENSOR_NOT_FOUND',
      `no tensor ${JSON.stringify(name)} in ${this.files.map((file) => file.path).join(', ')}: is it the right model?`,
      { metadata: { tensor: name } },
    );
  }

  /** Where a parameter lies: checkpoints name it with or without the base model's prefix. */
  findParameter(name: string): TensorEntry | undefined {
    return this.tensors.get(name) ?? this.tensors.get(name.replace(/^(model|transformer)\./, ''));
  }

  /** A tensor's elements as float32, row-major; exact but for f64, which is rounded. Throws NOT_A_FLOAT_TENSOR. */
  async read(name: string): Promise<Float32Array> {
    const entry = this.entry(name);
    const values = inMemory(entry, Float32Array);
    await this.#reading(entry, async (handle) => {
      if (entry.dtype === 'f32') return readFully(handle, entry.offset, values, entry.file);
      const place = `${entry.file}: tensor ${JSON.stringify(name)}`;
      const chunk = new Uint8Array(Math.min(entry.byteLength, CONVERSION_BYTES));
      for (let done = 0; done < entry.byteLength; done += chunk.length) {
        const part = chunk.subarray(0, Math.min(chunk.length, entry.byteLength - done));
        await readFully(handle, entry.offset + done, part, entry.file);
        decodeFloats(entry.dtype, part, values, done / BYTES_PER_ELEMENT[entry.dtype], place);
      }
    });
    return values;
  }

  /** The elements of an f64 tensor, row-major, exactly. Throws WRONG_DATA_TYPE for any other type. */
  async readFloat64(name: string): Promise<Float64Array> {
    const entry = this.entry(name);
    if (entry.dtype !== 'f64') {
      throw new AlphapoError(
        'invalid-argument',
        'WRONG_DATA_TYPE',
        `${entry.file}: tensor ${JSON.stringify(name)} holds ${entry.dtype}, not f64: use read`,
      );
    }
    const values = inMemory(entry, Float64Array);
    await this.#reading(entry, (handle) => readFully(handle, entry.offset, values, entry.file));
    return values;
  }

  /** A tensor's bytes as stored: little-endian, row-major. */
  async readBytes(name: string): Promise<Uint8Array> {
    const entry = this.entry(name);
    const bytes = inMemory(entry, Uint8Array);
    await this.#reading(entry, (handle) => readFully(handle, entry.offset, bytes, entry.file));
    return bytes;
  }

  async #reading(entry: TensorEntry, read: (handle: FileHandle) => Promise<unknown>): Promise<void> {
    const expected = this.files.find((file) => file.path === entry.file);
    await onFile(entry.file, async () => {
      await using handle = await open(entry.file, 'r');
      const { size, mtimeMs } = await handle.stat();
      if (size !== expected?.size || mtimeMs !== expected.modifiedMs) {
        throw new AlphapoError('aborted', 'FILE_CHANGED', `${entry.file} changed after it was opened: open it again`);
      }
      await read(handle);
    });
  }
}

type Elements = Float32ArrayConstructor | Float64ArrayConstructor | Uint8ArrayConstructor;

/**
 * Memory for a tensor's elements, or its bytes, or the error that there is not so much. What the machine has is compared first: a kernel
 * that promises any amount (vm.overcommit_memory=1, as on nodes of Kubernetes) would end the process later.
 */
function inMemory<T extends Elements>({ name, file, shape, byteLength }: TensorEntry, type: T): InstanceType<T> {
  const length = type.BYTES_PER_ELEMENT === 1 ? byteLength : elementCount(shape);
  try {
    if (length * type.BYTES_PER_ELEMENT > memoryLimit()) throw new RangeError('more than the machine has');
    return new type(length) as InstanceType<T>;
  } catch (cause) {
    throw new AlphapoError(
      'resource-exhausted',
      'TENSOR_TOO_LARGE',
      `${file}: tensor ${JSON.stringify(name)} has ${byteLength} bytes, more than fits into memory; is it the right file?`,
      { cause, metadata: { tensor: name } },
    );
  }
}

function duplicateTensor(entry: TensorEntry, other: TensorEntry): AlphapoError {
  return new AlphapoError(
    'data-loss',
    'DUPLICATE_TENSOR',
    `tensor ${JSON.stringify(entry.name)} is both in ${other.file} and in ${entry.file}: remove the shard that is not in the index`,
    { metadata: { tensor: entry.name } },
  );
}
