import { gunzipSync } from 'node:zlib';
import { AlphapoError, decompressZstd } from '@alphapo/base';
import { decompressLz4Frame } from './lz4.ts';
import { decompressSnappy } from './snappy.ts';

/** Undoes what a producer, or the broker on a topic's behalf, chose as `compression.type`. */
export function decompress(codec: number, data: Buffer): Buffer {
  switch (codec) {
    case 0:
      return data;
    case 1:
      return gunzipSync(data);
    case 2:
      return decompressSnappy(data);
    case 3:
      return decompressLz4Frame(data);
    case 4:
      return decompressZstd(data);
    default:
      throw new AlphapoError(
        'unimplemented',
        'COMPRESSION_UNKNOWN',
        `records are compressed with the unknown codec ${codec}`,
      );
  }
}
