import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { AlphapoError, messageOf } from '@alphapo/base';

/** The bytes of a file, unpacked where gzip packed them. Whoever opens it disposes of it. */
export interface Source extends AsyncDisposable {
  readonly chunks: AsyncIterable<Buffer>;
  /** Bytes of the file, as it is stored, that have been read. */
  position(): number;
}

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const CHUNK_BYTES = 2 ** 20;

/** Gzip is known by its first bytes, whatever the name of the file. Errors: DATA_NOT_FOUND. */
export async function openSource(file: string): Promise<Source> {
  const packed = await isGzip(file);
  const raw = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  if (!packed) {
    return { chunks: raw, position: () => raw.bytesRead, [Symbol.asyncDispose]: async () => void raw.destroy() };
  }
  const unzipped = createGunzip();
  raw.on('error', (error) => unzipped.destroy(error));
  return {
    chunks: raw.pipe(unzipped),
    position: () => unzipped.bytesWritten,
    [Symbol.asyncDispose]: async () => {
      unzipped.destroy();
      raw.destroy();
    },
  };
}

async function isGzip(file: string): Promise<boolean> {
  try {
    await using handle = await open(file, 'r');
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(GZIP_MAGIC.length) });
    return GZIP_MAGIC.equals(buffer.subarray(0, bytesRead));
  } catch (error) {
    throw new AlphapoError('not-found', 'DATA_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}
