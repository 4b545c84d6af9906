import { basename } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { beginsWithLine, firstByte } from './json-records.ts';
import { byteOrderMarkLength } from './lines.ts';
import type { Source } from './source.ts';

/** How the records of a file are written. */
export type FileKind = 'lines' | 'json' | 'csv' | 'tsv' | 'parquet';

const PACKED_NAME = /\.(?:gz|gzip|zst|zstd)$/i;

const KIND_OF_EXTENSION: Readonly<Record<string, FileKind>> = {
  jsonl: 'lines',
  ndjson: 'lines',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  parquet: 'parquet',
};

/** What is read, for messages. */
const READ = '.jsonl, .json, .csv, .tsv and .parquet are read, each with gzip or zstd';

/** Whether a file of this name is one of records. */
export const isDataName = (name: string): boolean => kindOfName(name) !== undefined;

function kindOfName(name: string): FileKind | undefined {
  const [, extension = ''] = /\.([^.]+)$/.exec(name.replace(PACKED_NAME, '')) ?? [];
  return KIND_OF_EXTENSION[extension.toLowerCase()];
}

/**
 * How the records of a file are written: by its first bytes where they say it, else by its name. JSON is told apart by what stands in it: one record
 * a line may be named .json, and a list .jsonl. Errors: DATA_FORMAT_UNKNOWN with what the file is, DATA_NOT_UTF8.
 */
export function kindOfFile({ head, packing }: Source, file: string): FileKind {
  if (head.subarray(0, 4).equals(Buffer.from('PAR1'))) return 'parquet';
  refuseOthers(head, packing === undefined ? file : `what is packed in ${file}`, file);
  const named = kindOfName(basename(file));
  if (named === 'parquet') throw unknown(file, 'is named .parquet but is not a Parquet file; fetch it again');
  if (named === 'csv' || named === 'tsv') return named;
  const first = firstByte(head);
  if (named === 'lines') return isListOfRecords(head) || isSpread(head) ? 'json' : 'lines';
  if (named === 'json') return first === '{' && beginsWithLine(head) ? 'lines' : 'json';
  if (first === '{' || first === '[') return first === '{' && beginsWithLine(head) ? 'lines' : 'json';
  if (first === '') return 'lines';
  throw unknown(file, `is not a file of records: ${READ}`);
}

/** A list of records, named as if each had a line. */
function isListOfRecords(head: Buffer): boolean {
  return /^\s*\[\s*(?:\{|\]\s*$)/.test(beginning(head));
}

/** A record that is spread over lines. */
function isSpread(head: Buffer): boolean {
  return /^\s*\{[ \t]*\r?\n/.test(beginning(head));
}

const BEGINNING = 4096;

function beginning(head: Buffer): string {
  const start = byteOrderMarkLength(head);
  return head.toString('latin1', start, start + BEGINNING);
}

interface Stranger {
  readonly what: string;
  readonly advice: string;
  is(head: Buffer, text: string): boolean;
}

const startsWith =
  (...magic: (string | readonly number[])[]) =>
  (head: Buffer) =>
    magic.some((bytes) => {
      const expected = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
      return head.subarray(0, expected.length).equals(expected);
    });

const TO_PARQUET = 'write it as Parquet, as in df.to_parquet("pairs.parquet")';

/** Files that people have, and that hold no records in a form that is read. */
const STRANGERS: readonly Stranger[] = [
  {
    what: 'a Git LFS pointer; the file itself was not fetched',
    advice: 'run git lfs pull, or name the data set as hf:owner/name',
    is: startsWith('version https://git-lfs'),
  },
  {
    what: 'an Excel workbook',
    advice: 'save the sheet as "CSV UTF-8"',
    is: (head) =>
      (startsWith('PK\x03\x04')(head) && /\bxl\/|\[Content_Types\]\.xml/.test(beginning(head))) ||
      startsWith([0xd0, 0xcf, 0x11, 0xe0])(head),
  },
  {
    what: 'PyTorch weights or objects',
    advice: 'use a file of preference pairs',
    is: (head) => startsWith('PK\x03\x04')(head) && /\/data\.pkl|\.npy/.test(beginning(head)),
  },
  { what: 'a zip archive', advice: 'unpack it and use the files in it', is: startsWith('PK\x03\x04', 'PK\x05\x06') },
  { what: 'a PDF', advice: 'write its pairs as records', is: startsWith('%PDF-') },
  {
    what: 'an Arrow or Feather file',
    advice: 'write it as Parquet, as in datasets.Dataset.from_file("data.arrow").to_parquet("pairs.parquet")',
    is: startsWith('ARROW1', 'FEA1', [0xff, 0xff, 0xff, 0xff]),
  },
  { what: 'an ORC file', advice: TO_PARQUET, is: startsWith('ORC') },
  { what: 'an Avro file', advice: TO_PARQUET, is: startsWith('Obj\x01') },
  { what: 'an HDF5 file', advice: TO_PARQUET, is: startsWith('\x89HDF\r\n') },
  {
    what: 'a SQLite database',
    advice: 'export its table as CSV, as in sqlite3 -header -csv FILE "select * from pairs"',
    is: startsWith('SQLite format 3\0'),
  },
  {
    what: 'a Python pickle',
    advice: `a pickle runs code when it is read: ${TO_PARQUET}`,
    is: (head) => head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5,
  },
  {
    what: 'a safetensors file',
    advice: 'that is a model; pass its folder with --model',
    is: (head) => head.length > 9 && head[8] === 0x7b && head.readBigUInt64LE() < 2n ** 32n && head[7] === 0,
  },
  { what: 'a GGUF model', advice: 'use a file of preference pairs', is: startsWith('GGUF') },
  { what: 'packed by bzip2', advice: 'unpack it with bunzip2', is: startsWith('BZh') },
  { what: 'packed by xz', advice: 'unpack it with unxz', is: startsWith([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) },
  { what: 'packed by lz4', advice: 'unpack it with unlz4', is: startsWith([0x04, 0x22, 0x4d, 0x18]) },
  { what: 'a 7z archive', advice: 'unpack it and use the files in it', is: startsWith([0x37, 0x7a, 0xbc, 0xaf]) },
  {
    what: 'a tar archive',
    advice: 'unpack it and use the folder',
    is: (head) => head.toString('latin1', 257, 262) === 'ustar',
  },
  {
    what: 'packed once more',
    advice: 'unpack it once',
    is: startsWith([0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd]),
  },
  {
    what: 'a web page',
    advice: 'its URL may not be that of the file itself; on Hugging Face, name the data set as hf:owner/name',
    is: (_head, text) => /^\s*<(?:!doctype|html|\?xml)/i.test(text),
  },
  {
    what: 'a picture',
    advice: 'use a file of preference pairs',
    is: startsWith('\x89PNG', [0xff, 0xd8, 0xff], 'GIF8', 'RIFF'),
  },
];

/** By their names, because their content is text. */
const STRANGE_NAMES: readonly (readonly [RegExp, string])[] = [
  [/\.py$/i, 'is a Python script, which is not run; write its pairs with datasets: ds.to_parquet("pairs.parquet")'],
  [/\.ipynb$/i, 'is a notebook, which is not run; write its pairs to a file of records'],
  [/\.(?:ya?ml|toml)$/i, `is a settings file, not a file of records: ${READ}; pass settings with --config`],
];

function refuseOthers(head: Buffer, named: string, file: string): void {
  const utf16 = wideEncodingOf(head);
  if (utf16 !== undefined) {
    throw new AlphapoError(
      'invalid-argument',
      'DATA_NOT_UTF8',
      `${named} is in ${utf16}: convert it: iconv -f ${utf16} -t UTF-8 ${basename(file)} > utf8-${basename(file)}`,
    );
  }
  const text = beginning(head);
  const stranger = STRANGERS.find(({ is }) => is(head, text));
  if (stranger !== undefined) throw unknown(named, `is ${stranger.what}: ${stranger.advice}`);
  const byName = STRANGE_NAMES.find(([name]) => name.test(file))?.[1];
  if (byName !== undefined) throw unknown(named, byName);
}

/** UTF-16 or UTF-32 by byte-order mark, or by the zeros that stand beside ASCII. */
function wideEncodingOf(head: Buffer): 'UTF-16' | 'UTF-16LE' | 'UTF-16BE' | 'UTF-32' | undefined {
  if (startsWith([0xff, 0xfe, 0, 0], [0, 0, 0xfe, 0xff])(head)) return 'UTF-32';
  if (startsWith([0xff, 0xfe], [0xfe, 0xff])(head)) return 'UTF-16';
  const [first = 0, second = 0, third = 0, fourth = 0] = head;
  if (first >= 0x20 && first < 0x7f && second === 0 && third !== 0 && fourth === 0) return 'UTF-16LE';
  if (first === 0 && second >= 0x20 && second < 0x7f && third === 0 && fourth !== 0) return 'UTF-16BE';
  return undefined;
}

function unknown(named: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'DATA_FORMAT_UNKNOWN', `${named} ${problem}`);
}
