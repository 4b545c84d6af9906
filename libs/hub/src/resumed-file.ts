import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, messageOf } from '@alphapo/base';

/** Tries in a row that bring nothing. */
const MAX_FRUITLESS = 6;
const FIRST_DELAY_MS = 500;

/**
 * Appends to a file what it lacks of a content, and goes on where the connection is cut. A file that is there is taken to be the
 * beginning. Errors: HUB_UNAVAILABLE after several tries that brought nothing.
 */
export async function appendFrom(
  content: (from: number) => ReadableStream<Uint8Array>,
  path: string,
  { signal, onBytes }: { readonly signal?: AbortSignal | undefined; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  let size = await sizeOf(path);
  onBytes(size);
  for (let fruitless = 0; ; ) {
    const before = size;
    try {
      const counted = new Transform({
        transform(bytes: Uint8Array, _encoding, done) {
          size += bytes.length;
          onBytes(bytes.length);
          done(null, bytes);
        },
      });
      const source = Readable.fromWeb(content(before) as Parameters<typeof Readable.fromWeb>[0]);
      await pipeline(source, counted, createWriteStream(path, { flags: 'a' }), signal === undefined ? {} : { signal });
      break;
    } catch (error) {
      signal?.throwIfAborted();
      const written = await sizeOf(path);
      onBytes(written - size);
      size = written;
      fruitless = size > before ? 0 : fruitless + 1;
      if (fruitless === MAX_FRUITLESS) {
        throw new AlphapoError(
          'unavailable',
          'HUB_UNAVAILABLE',
          `${path}: ${messageOf(error)}; run it again to resume`,
          {
            cause: error,
          },
        );
      }
      await sleep(FIRST_DELAY_MS * 2 ** fruitless, undefined, signal === undefined ? {} : { signal });
    }
  }
  await using file = await open(path, 'r+');
  await file.sync();
}

/** In bytes; 0 where there is no such file. */
export const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;
