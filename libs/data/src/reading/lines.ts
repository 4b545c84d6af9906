import { MAX_RECORD_BYTES } from '@alphapo/base';
import { type FileRecord, PendingRecord } from './file-record.ts';
import type { Source } from './source.ts';

const NEWLINE = 0x0a;

/** Lines without their ends, as their bytes; blank ones are left out, but counted. */
export async function* lines(source: Source, file: string): AsyncGenerator<FileRecord> {
  const pending = new PendingRecord();
  let line = 0;
  const finish = (): FileRecord | undefined => {
    line++;
    const bytes = trim(pending.take(), line === 1);
    return bytes.length === 0 ? undefined : { bytes, file, line };
  };
  for await (const chunk of source.chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pending.add(chunk.subarray(start, end));
      const record = finish();
      if (record !== undefined) yield record;
      start = end + 1;
    }
    pending.add(chunk.subarray(start));
  }
  const last = finish();
  if (last !== undefined) yield last;
}

/** Without a byte-order mark at the start of the file, a carriage return at the end, and white space around. */
function trim(bytes: Buffer, firstLine: boolean): Buffer {
  if (bytes.length > MAX_RECORD_BYTES) return bytes;
  let start = firstLine ? byteOrderMarkLength(bytes) : 0;
  let end = bytes.length;
  const blank = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0d;
  while (start < end && blank(bytes[start])) start++;
  while (end > start && blank(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

/** Bytes of UTF-8's byte-order mark at the start of a text: 3 or 0. */
export function byteOrderMarkLength(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
