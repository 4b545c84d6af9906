import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
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

/** Gzip is known by its first bytes, whatever the name of the file. Errors: DATA_NOT_FOUND, DATA_NOT_A_FILE. */
export async function openSource(file: string): Promise<Source> {
  const packed = await onFile(file, () => isGzip(file));
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
  // A pipe would lose its first bytes to us, or keep us waiting; a device may have no end.
  const status = await stat(file);
  if (!status.isFile() && !status.isDirectory()) {
    const advice = 'is no regular file, which is read twice: save the records into one';
    throw new AlphapoError('invalid-argument', 'DATA_NOT_A_FILE', `${file} ${advice}`);
  }
  await using handle = await open(file, 'r');
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(GZIP_MAGIC.length) });
  return GZIP_MAGIC.equals(buffer.subarray(0, bytesRead));
}

async function onFile<T>(file: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    throw new AlphapoError('not-found', 'DATA_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}
