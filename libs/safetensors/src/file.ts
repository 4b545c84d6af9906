import { type FileHandle, open, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AlphapoError, type DataType } from '@alphapo/base';
import { onFile, regularFile } from './durable-files.ts';
import { type HeaderEntry, LENGTH_BYTES, MAX_HEADER_BYTES, parseHeader } from './header.ts';

/** Where a tensor lies: what an ONNX initializer with external data needs, too. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Absolute path as it was opened; symbolic links are not resolved. */
  readonly file: string;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

/** One safetensors file whose header was read and checked. */
export interface StoredFile {
  /** Absolute path as it was opened. */
  readonly path: string;
  /** The same with symbolic links resolved (a Hugging Face cache links to blobs). */
  readonly realPath: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** Where the data section starts, in bytes. */
  readonly dataOffset: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly entries: readonly TensorEntry[];
}

/** Reads and checks the header of one file, not its data. Throws FILE_NOT_FOUND, or a data-loss error per defect. */
export async function readStoredFile(file: string): Promise<StoredFile> {
  const path = resolve(file);
  const { size, mtimeMs } = await regularFile(path);
  return onFile(path, async () => {
    await using handle = await open(path, 'r');
    const dataOffset = LENGTH_BYTES + (await readHeaderLength(handle, size, path));
    const bytes = await readFully(handle, LENGTH_BYTES, new Uint8Array(dataOffset - LENGTH_BYTES), path);
    const { metadata, entries } = parseHeader(bytes, size - dataOffset, path);
    return {
      path,
      realPath: await realpath(path),
      size,
      modifiedMs: mtimeMs,
      dataOffset,
      metadata,
      entries: entries.map((entry) => located(entry, path, dataOffset)),
    };
  });
}

function located({ name, dtype, shape, begin, end }: HeaderEntry, file: string, dataOffset: number): TensorEntry {
  return { name, dtype, shape, file, offset: dataOffset + begin, byteLength: end - begin };
}

async function readHeaderLength(handle: FileHandle, fileSize: number, path: string): Promise<number> {
  if (fileSize < LENGTH_BYTES) {
    throw new AlphapoError(
      'data-loss',
      'TRUNCATED_FILE',
      `${path} has ${fileSize} bytes: too few for a safetensors file`,
    );
  }
  const bytes = await readFully(handle, 0, new Uint8Array(LENGTH_BYTES), path);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new AlphapoError(
      'data-loss',
      'HEADER_TOO_LONG',
      `${path}: the length field says ${length} bytes of header, the format allows ${MAX_HEADER_BYTES}: is it a safetensors file?`,
    );
  }
  if (Number(length) > fileSize - LENGTH_BYTES) {
    throw new AlphapoError(
      'data-loss',
      'TRUNCATED_FILE',
      `${path}: the length field says ${length} bytes of header, but the file ends after ${fileSize} bytes: fetch it again`,
    );
  }
  return Number(length);
}

/** One read call moves less than 2 GiB on Linux. */
const MAX_READ_BYTES = 2 ** 30;

/** Fills `target` from the file offset `position` on. Throws TRUNCATED_FILE where the file ends before. */
export async function readFully<T extends ArrayBufferView>(
  handle: FileHandle,
  position: number,
  target: T,
  path: string,
): Promise<T> {
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(bytes, done, length, position + done);
    if (bytesRead === 0) {
      throw new AlphapoError(
        'data-loss',
        'TRUNCATED_FILE',
        `${path} was truncated while it was read: it ends at offset ${position + done} instead of ${position + bytes.length}`,
      );
    }
    done += bytesRead;
  }
  return target;
}
