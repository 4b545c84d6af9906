import { AlphapoError, MAX_RECORD_BYTES, messageOf } from '@alphapo/base';
import { delimited } from './delimited.ts';
import { type FileKind, kindOfFile } from './file-kind.ts';
import type { FileRecord } from './file-record.ts';
import { jsonRecords } from './json-records.ts';
import { lines } from './lines.ts';
import { parquet } from './parquet.ts';
import { openSource, type Source } from './source.ts';

type Reading = (source: Source, file: string) => AsyncGenerator<FileRecord>;

const READERS: { readonly [K in FileKind]: Reading } = {
  lines,
  json: jsonRecords,
  csv: (source, file) => delimited(source, file, 'csv'),
  tsv: (source, file) => delimited(source, file, 'tsv'),
  parquet,
};

/**
 * The records of one file of .jsonl, .json, .csv, .tsv or .parquet, packed by gzip or zstd or not. They stream: no more than a record
 * is in memory, or a row group of Parquet.
 *
 * A record beyond MAX_RECORD_BYTES comes cut one byte above it, so that the parser refuses it and the next ones still
 * come. Errors: DATA_NOT_FOUND, DATA_NOT_A_FILE, DATA_FORMAT_UNKNOWN, DATA_NOT_UTF8, DATA_DAMAGED and DATA_EMPTY with the file and
 * the place in it.
 */
export async function* readFile(file: string): AsyncGenerator<FileRecord> {
  await using source = await openSource(file);
  const read = READERS[kindOfFile(source, file)];
  let count = 0;
  try {
    for await (const record of read(source, file)) {
      count++;
      yield record.bytes.length > MAX_RECORD_BYTES + 1 ? cut(record) : record;
    }
  } catch (error) {
    if (error instanceof AlphapoError) throw error;
    const place = `cannot be read beyond byte ${source.position()}, after ${count} records`;
    const problem = `${file} ${place}: ${messageOf(error)}. Fetch it again`;
    throw new AlphapoError('data-loss', 'DATA_DAMAGED', problem, { cause: error });
  }
  if (count === 0) {
    throw new AlphapoError('invalid-argument', 'DATA_EMPTY', `${file} has no records; use a file of preference pairs`);
  }
}

const cut = (record: FileRecord): FileRecord => ({ ...record, bytes: record.bytes.subarray(0, MAX_RECORD_BYTES + 1) });
