import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { AlphapoError, BYTES_PER_ELEMENT, type DataType, elementCount } from '@alphapo/base';
import { replaceFile } from './durable-files.ts';
import { type HeaderEntry, isSizes, METADATA_KEY, serializeHeader } from './header.ts';

/** Little-endian, row-major elements: raw bytes, or a typed array whose elements are those of the data type. */
export type TensorData = ArrayBufferView;

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** The data, or how to get it when its turn comes: then no more than one tensor is in memory at a time. */
  readonly data: TensorData | (() => TensorData | Promise<TensorData>);
}

/** What was written: for manifests. */
export interface WrittenFile {
  readonly size: number;
  /** "sha256:…" over the whole file. */
  readonly digest: string;
}

/** Written and hashed at a time, so that the event loop stays responsive. */
const CHUNK_BYTES = 2 ** 24;

/**
 * Writes one safetensors file, atomically and durably (see `replaceFile`). Tensors keep their order, but for those with
 * wider elements coming first, so that each is aligned to its element; the data section starts at a multiple of 64
 * bytes. Equal arguments give equal bytes. Throws INVALID_TENSOR_NAME, DUPLICATE_TENSOR, INVALID_SHAPE or
 * TENSOR_SIZE_MISMATCH, and then leaves `file` as it was.
 */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<WrittenFile> {
  const ordered = [...tensors].sort((a, b) => BYTES_PER_ELEMENT[b.dtype] - BYTES_PER_ELEMENT[a.dtype]);
  const header = serializeHeader({ metadata, entries: placeTensors(ordered, file) });
  return replaceFile(file, async (handle) => {
    const hash = createHash('sha256');
    let size = 0;
    const append = async (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const chunk = bytes.subarray(at, at + CHUNK_BYTES);
        hash.update(chunk);
        await writeFully(handle, chunk);
      }
      size += bytes.length;
    };
    await append(header);
    for (const tensor of ordered) await append(await bytesOf(tensor, file));
    return { size, digest: `sha256:${hash.digest('hex')}` };
  });
}

/** Bytes that a tensor of this type and shape takes. */
export function tensorBytes({ dtype, shape }: { dtype: DataType; shape: readonly number[] }): number {
  return elementCount(shape) * BYTES_PER_ELEMENT[dtype];
}

function placeTensors(tensors: readonly TensorToWrite[], file: string): HeaderEntry[] {
  const names = new Set<string>();
  let offset = 0;
  return tensors.map((tensor) => {
    const { name, dtype, shape } = tensor;
    if (name === METADATA_KEY || !name.isWellFormed()) {
      throw new AlphapoError(
        'invalid-argument',
        'INVALID_TENSOR_NAME',
        `${file}: ${JSON.stringify(name)} is not a valid tensor name`,
      );
    }
    if (names.has(name)) {
      throw new AlphapoError(
        'invalid-argument',
        'DUPLICATE_TENSOR',
        `${file}: tensor ${JSON.stringify(name)} is given twice`,
      );
    }
    if (!isSizes(shape)) {
      throw new AlphapoError(
        'invalid-argument',
        'INVALID_SHAPE',
        `${file}: tensor ${JSON.stringify(name)} has the shape [${shape.join(', ')}]: sizes must be integers of at least 0`,
      );
    }
    names.add(name);
    const begin = offset;
    offset += tensorBytes(tensor);
    return { name, dtype, shape, begin, end: offset };
  });
}

async function bytesOf(tensor: TensorToWrite, file: string): Promise<Uint8Array> {
  const { name, dtype, shape, data } = tensor;
  const view = typeof data === 'function' ? await data() : data;
  if (view.byteLength !== tensorBytes(tensor)) {
    throw new AlphapoError(
      'invalid-argument',
      'TENSOR_SIZE_MISMATCH',
      `${file}: tensor ${JSON.stringify(name)}, ${dtype} of shape [${shape.join(', ')}], has ${tensorBytes(tensor)} bytes, but ${view.byteLength} were given`,
      { metadata: { tensor: name } },
    );
  }
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
  }
}
