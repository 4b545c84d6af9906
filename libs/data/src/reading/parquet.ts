import { createWriteStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { losslessJson } from '../lossless-json.ts';
import type { FileRecord } from './file-record.ts';
import { compressors } from './parquet-compressors.ts';
import type { Source } from './source.ts';

/** Of a file's footer, which is held in memory: its row groups, and statistics of their columns. */
const MAX_FOOTER_BYTES = 64 * 2 ** 20;

const text = new TextDecoder('utf-8', { fatal: true });

/** Text that is none stays bytes: the parser refuses them by the name of the field. */
const parsers = {
  stringFromBytes(bytes: Uint8Array | undefined) {
    try {
      return bytes && text.decode(bytes);
    } catch {
      return bytes;
    }
  },
  jsonFromBytes: (bytes: Uint8Array | undefined) => parsers.stringFromBytes(bytes),
};

/**
 * The rows of a Parquet file as JSON objects; lists, structs and maps become lists and objects, 64-bit integers keep all of their digits. No more
 * than one row group is in memory. A file that gzip or zstd packed as a whole is unpacked into a temporary file, because its
 * end must be read first. Errors: DATA_DAMAGED with the row group.
 */
export async function* parquet(source: Source, file: string): AsyncGenerator<FileRecord> {
  await using unpacked = source.packing === undefined ? undefined : await unpack(source);
  const path = unpacked?.path ?? file;
  await using handle = await open(path, 'r');
  const buffer = asyncBuffer(handle, (await stat(path)).size);
  const metadata = await metadataOf(buffer, file);
  let line = 0;
  let start = 0;
  for (const [index, { num_rows }] of metadata.row_groups.entries()) {
    const end = start + Number(num_rows);
    const place = `row group ${index + 1} of ${metadata.row_groups.length}`;
    for (const row of await rowsOf({ buffer, metadata, start, end }, file, place)) {
      line++;
      yield { bytes: Buffer.from(losslessJson(row)), file, line };
    }
    start = end;
  }
}

async function rowsOf(
  { buffer, metadata, start, end }: { buffer: AsyncBuffer; metadata: FileMetaData; start: number; end: number },
  file: string,
  place: string,
): Promise<readonly Record<string, unknown>[]> {
  try {
    return await parquetReadObjects({
      ...{ file: buffer, metadata, compressors, parsers, rowStart: start, rowEnd: end },
      geoparquet: false,
    });
  } catch (error) {
    throw damaged(file, `${place} cannot be read: ${messageOf(error)}`, error);
  }
}

async function metadataOf(buffer: AsyncBuffer, file: string): Promise<FileMetaData> {
  try {
    if (buffer.byteLength < 12) throw new RangeError('it is too short');
    const tail = new DataView(await buffer.slice(buffer.byteLength - 8, buffer.byteLength));
    if (tail.getUint32(0, true) > MAX_FOOTER_BYTES) throw new RangeError('its footer is too large');
    const metadata = await parquetMetadataAsync(buffer, { geoparquet: false });
    checkRowGroups(metadata, buffer.byteLength);
    return metadata;
  } catch (error) {
    throw damaged(file, `its footer cannot be read: ${messageOf(error)}`, error);
  }
}

/** What the footer says of the row groups must fit the file: it decides how much memory is asked for. */
function checkRowGroups({ row_groups: groups }: FileMetaData, fileBytes: number): void {
  for (const { num_rows: rows, columns } of groups) {
    if (rows < 0n || rows > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('a row group has no number of rows');
    for (const { meta_data: column } of columns) {
      const size = column?.total_compressed_size ?? 0n;
      if (size < 0n || size > BigInt(fileBytes)) throw new RangeError('a column is larger than the file');
    }
  }
}

function asyncBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      if (start < 0 || end > byteLength || start > end) throw new RangeError('a place beyond the end of the file');
      const bytes = Buffer.alloc(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      if (bytesRead < bytes.length) throw new RangeError('the file ends early');
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    },
  };
}

async function unpack(source: Source): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-parquet-'));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'unpacked.parquet');
    await pipeline(source.chunks, createWriteStream(path));
    return { path, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function damaged(file: string, problem: string, cause: unknown): AlphapoError {
  return new AlphapoError('data-loss', 'DATA_DAMAGED', `${file}: ${problem}. Fetch it again`, { cause });
}
