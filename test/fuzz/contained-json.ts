import { gunzipSync, gzipSync } from 'node:zlib';

/** A length field above this is not that of a header that tests make. */
const LARGEST_HEADER = 2 ** 20;

/** A file with an edit of the JSON that it contains: the text itself, packed by gzip, or the header of a safetensors file. */
export function editContainedJson(bytes: Uint8Array, edit: (text: string) => string): Uint8Array {
  const buffer = Buffer.from(bytes);
  if (buffer[0] === 0x1f && buffer[1] === 0x8b) {
    try {
      return gzipSync(edit(gunzipSync(buffer, { maxOutputLength: LARGEST_HEADER }).toString()), { level: 1 });
    } catch {
      return bytes;
    }
  }
  const headerLength = buffer.length >= 8 ? buffer.readBigUInt64LE() : 0n;
  if (headerLength === 0n || headerLength > LARGEST_HEADER || headerLength + 8n > buffer.length) {
    return Buffer.from(edit(buffer.toString()));
  }
  const dataAt = 8 + Number(headerLength);
  const header = Buffer.from(edit(buffer.toString('utf8', 8, dataAt)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, buffer.subarray(dataAt)]);
}
