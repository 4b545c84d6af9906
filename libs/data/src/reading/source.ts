import { createReadStream, type ReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AlphapoError, messageOf } from '@alphapo/base';
import { unpackZstd } from './unpack-zstd.ts';

/** The bytes of a file, unpacked where gzip or zstd packed them. Whoever opens it disposes of it. */
export interface Source extends AsyncDisposable {
  /** The first bytes, unpacked: as many as could be read at once. They come again in `chunks`. */
  readonly head: Buffer;
  readonly chunks: AsyncIterable<Buffer>;
  readonly packing: Packing | undefined;
  /** Bytes of the file, as it is stored, that have been read. */
  position(): number;
}

type Packing = 'gzip' | 'zstd';

const MAGIC: readonly (readonly [Packing, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
];
const MAGIC_BYTES = 4;
const CHUNK_BYTES = 2 ** 20;

/**
 * Packed files are known by their first bytes, whatever their name. Unpacking holds no more than the window of the format.
 * Errors: DATA_NOT_FOUND, DATA_NOT_A_FILE, DATA_DAMAGED.
 */
export async function openSource(file: string): Promise<Source> {
  const packing = await onFile(file, () => packingOf(file));
  const raw = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  const { chunks, position, destroy } = unpacked(packing, raw);
  const iterator = chunks[Symbol.asyncIterator]();
  const dispose = async () => {
    destroy();
    raw.destroy();
  };
  try {
    const first = await iterator.next();
    return {
      head: first.done === true ? Buffer.alloc(0) : first.value,
      chunks: chunksFrom(first, iterator),
      packing,
      position,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    const problem = `cannot be read beyond byte ${position()}, after 0 records: ${messageOf(error)}. Fetch it again`;
    throw new AlphapoError('data-loss', 'DATA_DAMAGED', `${file} ${problem}`, { cause: error });
  }
}

async function* chunksFrom(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
}

interface Unpacked {
  readonly chunks: AsyncIterable<Buffer>;
  /** Packed bytes that have been read. */
  position(): number;
  destroy(): void;
}

function unpacked(packing: Packing | undefined, raw: ReadStream): Unpacked {
  if (packing === undefined) return { chunks: raw, position: () => raw.bytesRead, destroy: () => {} };
  if (packing === 'zstd') {
    let consumed = 0;
    const stream = Readable.from(
      unpackZstd(raw, (bytes) => {
        consumed = bytes;
      }),
      { highWaterMark: 1 },
    );
    return { chunks: stream, position: () => consumed, destroy: () => void stream.destroy() };
  }
  const unzipped = createGunzip({ chunkSize: CHUNK_BYTES });
  raw.on('error', (error) => unzipped.destroy(error));
  return {
    chunks: raw.pipe(unzipped),
    position: () => unzipped.bytesWritten,
    destroy: () => void unzipped.destroy(),
  };
}

async function packingOf(file: string): Promise<Packing | undefined> {
  // A pipe would lose its first bytes to us, or keep us waiting; a device may have no end.
  const status = await stat(file);
  if (!status.isFile()) {
    const advice = 'is not a regular file, but is read twice; save the records to a regular file';
    throw new AlphapoError('invalid-argument', 'DATA_NOT_A_FILE', `${file} ${advice}`);
  }
  await using handle = await open(file, 'r');
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(MAGIC_BYTES) });
  const start = buffer.subarray(0, bytesRead);
  return MAGIC.find(([, magic]) => magic.equals(start.subarray(0, magic.length)))?.[0];
}

/** Errors of the file system become DATA_NOT_FOUND, with the path. */
export async function onFile<T>(file: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    throw new AlphapoError('not-found', 'DATA_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}
