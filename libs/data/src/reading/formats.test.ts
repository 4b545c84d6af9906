import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { readRecords } from '../index.ts';

/** The same three pairs in every format, with what formats are apt to lose. */
const PAIRS = [
  { prompt: 'Größer: 1 oder 2?', chosen: '2', rejected: '1' },
  { prompt: 'Say "hi",\nplease; or\tnot', chosen: 'hi 👋', rejected: '[{"role":"assistant"}]' },
  { prompt: '', chosen: ' 2 ', rejected: '\\' },
];
type Column = keyof (typeof PAIRS)[number];
const COLUMNS: readonly Column[] = ['prompt', 'chosen', 'rejected'];

const table = (separator: string) =>
  [[...COLUMNS], ...PAIRS.map((pair) => COLUMNS.map((name) => pair[name]))]
    .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(separator))
    .join('\r\n');

const parquetOf = (codec: 'UNCOMPRESSED' | 'SNAPPY') =>
  Buffer.from(
    parquetWriteBuffer({
      codec,
      rowGroupSize: 2,
      columnData: COLUMNS.map((name) => ({ name, data: PAIRS.map((pair) => pair[name]), type: 'STRING' as const })),
    }),
  );

const lines = PAIRS.map((pair) => JSON.stringify(pair)).join('\n');
const FORMATS: Readonly<Record<string, string | Buffer>> = {
  'lines.jsonl': lines,
  'lines.ndjson': `\ufeff${lines.replaceAll('\n', '\r\n')}\r\n`,
  'lines-named.json': lines,
  'list.json': JSON.stringify(PAIRS),
  'list-spread.json': `\ufeff${JSON.stringify(PAIRS, undefined, 2)}\n`,
  'list-named.jsonl': JSON.stringify(PAIRS, undefined, 2),
  'spread-records.json': PAIRS.map((pair) => JSON.stringify(pair, undefined, 4)).join('\n'),
  'spread-records.jsonl': PAIRS.map((pair) => JSON.stringify(pair, undefined, 4)).join('\n'),
  'splits.json': JSON.stringify({ test: [], train: PAIRS }),
  'splits-spread.json': JSON.stringify({ empty: [], train: PAIRS, test: [] }, undefined, 1),
  'no-ending': lines,
  'table.csv': table(','),
  'table-bom.csv': `\ufeff${table(',')}\r\n\r\n`,
  'semicolons.csv': table(';'),
  'excel.csv': `sep=;\r\n${table(';')}`,
  'excel-bom.csv': `\ufeffsep=|\r\n${table('|')}`,
  'table.tsv': table('\t'),
  'plain.parquet': parquetOf('UNCOMPRESSED'),
  'snappy.parquet': parquetOf('SNAPPY'),
  'parquet-named.bin': parquetOf('SNAPPY'),
};
const PACKINGS: readonly (readonly [ending: string, pack: (bytes: Buffer) => Buffer])[] = [
  ['', (bytes) => bytes],
  ['.gz', (bytes) => gzipSync(bytes)],
  ['.zst', (bytes) => zstdCompressSync(bytes)],
];

async function read(place: string): Promise<unknown[]> {
  return Array.fromAsync(readRecords(place), ({ bytes, line }) => ({
    line,
    ...JSON.parse(Buffer.from(bytes).toString()),
  }));
}

const EXPECTED = PAIRS.map((pair, i) => ({ line: i + 1, ...pair }));

describe.each(PACKINGS)('packed as "%s"', (ending, pack) => {
  test.each(Object.entries(FORMATS))('%s gives the same records', async (name, content) => {
    const folder = await temporaryFolder();
    const packed = pack(Buffer.from(content as string));
    // By their first bytes, with the ending of their packing or without.
    for (const file of new Set([join(folder, `${name}${ending}`), join(folder, name)])) {
      await writeFile(file, packed);
      expect(await read(file)).toEqual(EXPECTED);
    }
  });

  test('a file that is cut off is an error with its place, whatever its format', async () => {
    const folder = await temporaryFolder();
    const cut = ['list.json', 'splits-spread.json', 'table.csv', 'plain.parquet'];
    for (const name of ending === '' ? cut : Object.keys(FORMATS)) {
      const whole = pack(Buffer.from(FORMATS[name] as string));
      const file = join(folder, `${name}${ending}`);
      // Within the last quoted cell, or the last object.
      await writeFile(file, whole.subarray(0, whole.length - 4));
      await expect(read(file)).rejects.toMatchObject({
        code: 'data-loss',
        reason: 'DATA_DAMAGED',
        message: expect.stringContaining(file),
      });
    }
  });
});

describe('Parquet as pyarrow writes it, with each of its codecs: nested columns, 64-bit integers, NaN, pages of both versions', () => {
  test.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'])('%s', async (codec) => {
    const file = join(import.meta.dirname, 'fixtures', `${codec}.parquet`);
    const made = '"made":"2026-01-02T03:04:05.000Z"';
    const said = (content: string) => `[{"role":"assistant","content":${JSON.stringify(content)}}]`;
    expect(await Array.fromAsync(readRecords(file), ({ bytes }) => Buffer.from(bytes).toString())).toEqual([
      `{"id":9223372036854775807,"prompt":"Größer: 1 oder 2?","chosen":${said('2')},"rejected":${said('1')},"score_chosen":NaN,"source":"a","tags":["x","y"],${made}}`,
      `{"id":9007199254740993,"prompt":"Count: 1","chosen":${said(' 2')},"rejected":${said(' 1')},"score_chosen":4.5,"source":"a","tags":[],${made}}`,
      `{"id":null,"prompt":"Say \\"hi\\",\\nplease","chosen":${said('hi 👋')},"rejected":${said('no')},"score_chosen":null,"source":"b","tags":null,${made}}`,
    ]);
  });
});

test('numbers keep their digits in every kind of JSON', async () => {
  const folder = await temporaryFolder();
  const record = '{"id":12345678901234567890,"score":NaN,"x":1.50}';
  for (const [name, content] of [
    ['a.jsonl', record],
    ['a.json', `[ ${record} ]`],
    ['b.json', `{"train": [${record}]}`],
    ['c.json', `{\n"id": 12345678901234567890, "score": NaN,\n"x": 1.50}`],
  ] as const) {
    await writeFile(join(folder, name), content);
    const texts = await Array.fromAsync(readRecords(join(folder, name)), ({ bytes }) => Buffer.from(bytes).toString());
    expect(texts).toEqual([record]);
  }
});

describe('tables', () => {
  const tableOf = async (name: string, content: string | Buffer) => {
    const file = join(await temporaryFolder(), name);
    await writeFile(file, content);
    return file;
  };

  test('an empty cell says nothing, but in a prompt or a response; JSON in a cell stays text', async () => {
    const file = await tableOf('a.csv', 'prompt,score,chosen,messages\n,,,"[{""role"": ""user""}]"\n');
    expect(await read(file)).toEqual([
      { line: 1, prompt: '', score: null, chosen: '', messages: '[{"role": "user"}]' },
    ]);
  });

  test('a quote within an unquoted cell is one', async () => {
    const file = await tableOf('a.tsv', 'prompt\tchosen\n5" disk\tsay "hi"\n');
    expect(await read(file)).toEqual([{ line: 1, prompt: '5" disk', chosen: 'say "hi"' }]);
  });

  test.each<[string, string | Buffer, string, RegExp]>([
    [
      'a row with a cell too many',
      'a,b\n1,2\n3,4,5\n',
      'DATA_DAMAGED',
      /row 2 .*line 3.* 3 cells, and the header has 2/,
    ],
    ['a row with a cell too few', 'a,b\n1\n', 'DATA_DAMAGED', /row 1 .* 1 cells/],
    [
      'a quote that does not end',
      'a,b\n1,2\n3,"4\n5,6\n',
      'DATA_DAMAGED',
      /row 2 cannot be read: .*end the quoted cell/,
    ],
    ['a column of a name twice', 'a,b,a\n1,2,3\n', 'DATA_DAMAGED', /"a" twice/],
    ['another encoding', Buffer.from('a,b\né,2\n', 'latin1'), 'DATA_NOT_UTF8', /CSV UTF-8/],
    ['a header alone', 'a,b\n', 'DATA_EMPTY', /no records/],
  ])('%s is an error with the row', async (_what, content, reason, message) => {
    const file = await tableOf('a.csv', content);
    await expect(read(file)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
  });
});

describe('JSON that is damaged is an error with its byte, after the records before it', () => {
  test.each<[string, RegExp, number]>([
    ['[{"a":1},{"a":', /ends in the middle of record 2, at byte 14/, 1],
    ['[{"a":1}', /ends after 1 records, at byte 8/, 1],
    ['[{"a":1},]', /comma without a record after it at byte 9/, 1],
    ['[,{"a":1}]', /comma without a record before it at byte 1/, 0],
    ['[{"a":1}{"a":2}]', /without a comma between them at byte 8/, 1],
    ['[{"a":1}] x', /at byte 10/, 1],
    ['[{"a":1}][{"a":2}]', /has data after its end, at byte 9/, 1],
    ['[{"a":[1}]', /brackets that do not match at byte 8, in record 1/, 0],
    ['{"train":[{"a":1}],"test":[{"a":', /ends in the middle of record 1/, 0],
    ['{"a":1}}', /\} where a record should begin|brackets that do not match|"}"/, 1],
  ])('%s', async (text, message, before) => {
    const file = join(await temporaryFolder(), 'a.json');
    await writeFile(file, text);
    let seen = 0;
    const reading = (async () => {
      for await (const _ of readRecords(file)) seen++;
    })();
    await expect(reading).rejects.toMatchObject({ reason: 'DATA_DAMAGED', message: expect.stringMatching(message) });
    expect(seen).toBe(before);
  });
});

describe('what holds no records is named, with what to do', () => {
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));
  const tar = Buffer.alloc(512);
  tar.write('ustar', 257);
  const FORMAT = 'DATA_FORMAT_UNKNOWN';
  test.each<[string, Buffer, string, RegExp]>([
    ['a.zip', bytes('PK\x03\x04', 'pairs.jsonl'), FORMAT, /zip archive: unpack/],
    ['a.xlsx', bytes('PK\x03\x04', '[Content_Types].xml'), FORMAT, /Excel workbook: save/],
    ['a.xls', bytes([0xd0, 0xcf, 0x11, 0xe0]), FORMAT, /Excel workbook/],
    ['a.pt', bytes('PK\x03\x04', 'archive/data.pkl'), FORMAT, /PyTorch/],
    ['a.pdf', bytes('%PDF-1.7'), FORMAT, /PDF/],
    ['a.feather', bytes('ARROW1\0\0'), FORMAT, /Arrow.*to_parquet/],
    ['a.arrow', bytes([0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]), FORMAT, /Arrow.*to_parquet/],
    ['a.db', bytes('SQLite format 3\0'), FORMAT, /SQLite.*csv/],
    ['a.pkl', bytes([0x80, 4, 0x95]), FORMAT, /pickle.*runs code/],
    ['a.safetensors', bytes([16, 0, 0, 0, 0, 0, 0, 0], '{"a":{}}        '), FORMAT, /safetensors.*--model/],
    ['a.gguf', bytes('GGUF'), FORMAT, /GGUF/],
    ['a.jsonl.bz2', bytes('BZh9'), FORMAT, /bunzip2/],
    ['a.jsonl.xz', bytes([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), FORMAT, /unxz/],
    ['a.tar', tar, FORMAT, /tar archive/],
    ['a.tar.gz', gzipSync(tar), FORMAT, /what is packed in .*a\.tar\.gz is a tar archive/],
    ['a.jsonl.gz', gzipSync(gzipSync('{}')), FORMAT, /packed once more/],
    ['a.jsonl', bytes('<!DOCTYPE html><html>'), FORMAT, /web page.*hf:owner\/name/],
    ['a.parquet', bytes('version https://git-lfs.github.com/spec/v1\n'), FORMAT, /Git LFS pointer.*git lfs pull/],
    ['b.parquet', bytes('{"a":1}\n'), FORMAT, /not a Parquet file/],
    ['a.py', bytes('import datasets\n'), FORMAT, /Python script/],
    ['run.yaml', bytes('steps: 1\n'), FORMAT, /settings.*--config/],
    ['a.txt', bytes('Hello\n'), FORMAT, /\.jsonl, \.json, \.csv/],
    ['utf16.jsonl', Buffer.from('\ufeff{"a":1}\n', 'utf16le'), 'DATA_NOT_UTF8', /UTF-16: .*iconv -f UTF-16 -t UTF-8/],
    ['utf16le.csv', Buffer.from('a,b\n1,2\n', 'utf16le'), 'DATA_NOT_UTF8', /UTF-16LE/],
    ['utf16be.json', Buffer.from('[{"a":1}]', 'utf16le').swap16(), 'DATA_NOT_UTF8', /UTF-16BE/],
    ['utf32.jsonl', bytes([0xff, 0xfe, 0, 0], '{\0\0\0}\0\0\0'), 'DATA_NOT_UTF8', /UTF-32/],
    ['utf16.csv.gz', gzipSync(Buffer.from('\ufeffa\n1\n', 'utf16le')), 'DATA_NOT_UTF8', /packed in .*UTF-16/],
  ])('%s', async (name, content, reason, message) => {
    const file = join(await temporaryFolder(), name);
    await writeFile(file, content);
    await expect(read(file)).rejects.toMatchObject({
      code: 'invalid-argument',
      reason,
      message: expect.stringMatching(message),
    });
  });

  test.each<[string, readonly string[], string, RegExp]>([
    ['a model folder', ['config.json', 'model.safetensors', 'vocab.json'], FORMAT, /is a model; pass it with --model/],
    [
      'a folder of save_to_disk',
      ['dataset_info.json', 'state.json', 'data-00000-of-00001.arrow'],
      FORMAT,
      /load_from_disk/,
    ],
    ['a folder with a script', ['pairs.py', 'README.md'], FORMAT, /Python script/],
    ['a folder of pictures', ['a.png'], 'DATA_EMPTY', /no files of records .*it has a\.png/],
    ['an empty folder', [], 'DATA_EMPTY', /it is empty/],
  ])('%s', async (_what, names, reason, message) => {
    const folder = join(await temporaryFolder(), 'folder');
    await mkdir(folder);
    for (const name of names) await writeFile(join(folder, name), '{}');
    await expect(read(folder)).rejects.toMatchObject({
      reason,
      message: expect.stringMatching(message),
    });
  });
});

test.each(PACKINGS)('packed parts, also empty ones, follow one another (%s)', async (ending, pack) => {
  const file = join(await temporaryFolder(), `a.jsonl${ending}`);
  const parts = ['', ...PAIRS.map((pair) => `${JSON.stringify(pair)}\n`), ''];
  await writeFile(file, Buffer.concat(parts.map((part) => pack(Buffer.from(part)))));
  expect(await read(file)).toEqual(EXPECTED);
});
