import { constants, createZstdDecompress, type ZstdDecompress } from 'node:zlib';

/** zstd's own limit, 128 MiB: a file that asks for a larger window is refused. */
const WINDOW_LOG = 27;
const CHUNK_BYTES = 2 ** 20;

/**
 * Unpacks zstd, frame after frame: parallel packers write many of them, and Node.js leaves out all behind the first one. No more than the window
 * is held. `onConsumed` is told how many packed bytes have been unpacked.
 */
export async function* unpackZstd(
  packed: AsyncIterable<Buffer>,
  onConsumed: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const input = new PackedInput(packed);
  let consumed = 0;
  while (await input.hasMore()) {
    const frame = createZstdDecompress({
      chunkSize: CHUNK_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG },
    });
    // Errors surface in the frame, which is read below.
    const feeding = feed(frame, input).catch((error) => void frame.destroy(error));
    try {
      for await (const bytes of frame) {
        onConsumed(consumed + frame.bytesWritten);
        yield bytes;
      }
    } finally {
      frame.destroy();
    }
    await feeding;
    consumed += frame.bytesWritten;
  }
}

/** Writes chunks until the frame has its end, or the input has; puts back what is of the next frame. */
async function feed(frame: ZstdDecompress, input: PackedInput): Promise<void> {
  let fed = 0;
  while (!frame.destroyed) {
    const chunk = await input.take();
    if (chunk === undefined) {
      frame.end();
      return;
    }
    fed += chunk.length;
    await new Promise<void>((resolve) => {
      frame.once('close', resolve);
      frame.write(chunk, () => {
        frame.off('close', resolve);
        resolve();
      });
    });
    const unread = fed - frame.bytesWritten;
    if (unread === 0) continue;
    input.putBack(chunk.subarray(chunk.length - unread));
    return;
  }
}

class PackedInput {
  readonly #chunks: AsyncIterator<Buffer>;
  #next: Buffer | undefined;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async hasMore(): Promise<boolean> {
    this.#next ??= await this.take();
    return this.#next !== undefined;
  }

  async take(): Promise<Buffer | undefined> {
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) return next;
    const { done, value } = await this.#chunks.next();
    return done === true ? undefined : value;
  }

  putBack(chunk: Buffer): void {
    this.#next = chunk;
  }
}
