import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompressZstd } from '@alphapo/base';
import { type Compressors, snappyUncompress } from 'hyparquet';
import { unpackHadoopLz4, unpackLz4Block } from './lz4-block.ts';

/** Unpacked bytes of one page. Writers aim at 1 MiB; a page holds whole values, and a value may be a long conversation. */
const MAX_PAGE_BYTES = 256 * 2 ** 20;

type Decompress = (packed: Uint8Array, length: number) => Uint8Array;

/** No page is unpacked to more than it says it has, and none may say too much. */
const bounded =
  (decompress: Decompress): Decompress =>
  (packed, length) => {
    if (length <= MAX_PAGE_BYTES) return decompress(packed, length);
    throw new RangeError(`a page of ${length} bytes is larger than ${MAX_PAGE_BYTES}`);
  };

const withLimit = (length: number) => ({ maxOutputLength: Math.max(length, 1) });

/** Node.js unpacks what it can, which is faster and bounded; LZ4 it does not know. */
export const compressors: Compressors = {
  SNAPPY: bounded((packed, length) => {
    const page = new Uint8Array(length);
    snappyUncompress(packed, page);
    return page;
  }),
  GZIP: bounded((packed, length) => gunzipSync(packed, withLimit(length))),
  BROTLI: bounded((packed, length) => brotliDecompressSync(packed, withLimit(length))),
  ZSTD: bounded((packed, length) => decompressZstd(packed, length)),
  LZ4: bounded(unpackHadoopLz4),
  LZ4_RAW: bounded(unpackLz4Block),
};
