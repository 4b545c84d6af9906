import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';

const MiB = 2 ** 20;
/** A process of Node.js has about 125 MiB without reading anything; the whole file would add 192 MiB at least. */
const MOST_MEGABYTES = 280;
const SIZE = 192 * MiB;
const READER = `
  const { readRecords } = await import(process.argv[1]);
  const { peakMemory } = await import(process.argv[3]);
  let records = 0;
  let bytes = 0;
  for await (const record of readRecords(process.argv[2])) { records++; bytes += record.bytes.length; }
  console.log(JSON.stringify({ records, bytes, megabytes: peakMemory() / 2 ** 20 }));
`;

/** Reads a file in a process of its own. */
async function readApart(file: string): Promise<{ records: number; bytes: number; megabytes: number }> {
  const args = [
    '--max-old-space-size=96',
    '--input-type=module',
    '-e',
    READER,
    join(import.meta.dirname, '../index.ts'),
    file,
    join(import.meta.dirname, '../../../base/src/index.ts'),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

const record = JSON.stringify({ prompt: 'p'.repeat(500), chosen: 'c'.repeat(1500), rejected: 'r'.repeat(2000) });
const row = `"${'p'.repeat(500)}","${'c'.repeat(1500)}","${'r'.repeat(2000)}"\n`;

/** A file of that many bytes unpacked, of packed parts of about 1 MiB each. */
function packed(start: string, part: string, end: string, pack: (text: string) => Buffer) {
  const perChunk = Math.ceil(MiB / part.length);
  const chunk = pack(part.repeat(perChunk));
  const chunks = Math.ceil(SIZE / (perChunk * part.length));
  return { bytes: Buffer.concat([pack(start), ...Array(chunks).fill(chunk), pack(end)]), parts: perChunk * chunks };
}

test.each([
  ['list.json.gz', packed('[', `${record},\n`, `${record}]`, gzipSync)],
  ['splits.json.zst', packed('{"train":[', `${record},`, `${record}]}`, zstdCompressSync)],
  ['lines.jsonl.zst', packed('', `${record}\n`, record, zstdCompressSync)],
  ['table.csv.gz', packed('prompt,chosen,rejected\n', row, row, gzipSync)],
])('%s of 192 MiB is read in the memory of a few chunks', async (name, { bytes, parts }) => {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, bytes);
  const read = await readApart(file);
  expect(read).toMatchObject({ records: parts + 1, bytes: (parts + 1) * record.length });
  expect(read.megabytes).toBeLessThan(MOST_MEGABYTES);
});
