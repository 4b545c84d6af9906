import { zstdDecompressSync } from 'node:zlib';

/**
 * Decompresses zstd data of one frame or more: a compressor may write several, and Node.js drops all frames after the first.
 * Throws a RangeError where it unpacks to more than `maxBytes`, and Node's errors where it is damaged or cut off.
 */
export function decompressZstd(data: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): Buffer {
  const frames: Buffer[] = [];
  let left = maxBytes;
  let start = 0;
  do {
    // The limit that Node takes is at least 1.
    const options = { info: true, ...(Number.isFinite(left) && { maxOutputLength: left + 1 }) };
    // Node's types do not know what `info` adds.
    const { buffer, engine } = zstdDecompressSync(data.subarray(start), options) as unknown as Decompressed;
    frames.push(buffer);
    left -= buffer.length;
    if (left < 0) throw new RangeError(`zstd data is larger than ${maxBytes} bytes`);
    start += engine.bytesWritten;
  } while (start < data.length);
  const [only] = frames;
  return frames.length === 1 && only !== undefined ? only : Buffer.concat(frames);
}

interface Decompressed {
  readonly buffer: Buffer;
  readonly engine: {
    /** Compressed bytes that were read. */
    readonly bytesWritten: number;
  };
}
