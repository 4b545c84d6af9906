import { mkdir, open, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { preparePlace } from './folders.ts';
import { ReaderSandbox } from './reader-sandbox.ts';
import type { ReaderName } from './readers.ts';

/** Files that are made to take time or memory: larger ones than mutations make, each with the answer that it gets. */

const MiB = 2 ** 20;

const lengthField = (length: bigint) => {
  const field = Buffer.alloc(8);
  field.writeBigUInt64LE(length);
  return field;
};
const withHeader = (header: string) => Buffer.concat([lengthField(BigInt(header.length)), Buffer.from(header)]);
const weights = (folder: string, content: Uint8Array) => writeFile(join(folder, 'model.safetensors'), content);
const config = (folder: string, text: string) => writeFile(join(folder, 'config.json'), text);

/** Fills a text of this size with repetitions. */
const filled = (start: string, part: string, end: string, bytes: number) =>
  start + part.repeat(Math.floor((bytes - start.length - end.length) / part.length)) + end;

const index = (folder: string, shard: string) =>
  writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { a: shard } }));

const cases: readonly (readonly [
  reader: ReaderName,
  what: string,
  reason: string,
  write: (folder: string) => Promise<unknown>,
])[] = [
  [
    'safetensors',
    'a header that claims 2^60 bytes',
    'HEADER_TOO_LONG',
    (folder) => weights(folder, Buffer.concat([lengthField(2n ** 60n), Buffer.from('{}')])),
  ],
  [
    'safetensors',
    'a sparse file whose header claims 99 MB of nothing',
    'INVALID_HEADER',
    async (folder) => {
      await weights(folder, lengthField(99_000_000n));
      await truncate(join(folder, 'model.safetensors'), 2 ** 40);
    },
  ],
  [
    'safetensors',
    '40 MB of brackets that open',
    'TOO_MUCH_JSON',
    (folder) => weights(folder, withHeader(filled('{"a":', '[', '', 40_000_000))),
  ],
  [
    'safetensors',
    '40 MB of empty lists',
    'TOO_MUCH_JSON',
    (folder) => weights(folder, withHeader(filled('{"a":[', '[],', '0]}', 40_000_000))),
  ],
  [
    'safetensors',
    'a shape of millions of sizes',
    'INVALID_SHAPE',
    (folder) =>
      weights(
        folder,
        withHeader(filled('{"a":{"dtype":"F32","shape":[', '9,', '9],"data_offsets":[0,4]}}', 20_000_000)),
      ),
  ],
  [
    'model-folder',
    'an index that names itself through a link',
    'HEADER_TOO_LONG',
    async (folder) => {
      await index(folder, 'a.safetensors');
      await symlink('model.safetensors.index.json', join(folder, 'a.safetensors'));
    },
  ],
  [
    'model-folder',
    'an index that names itself',
    'INVALID_SHARD_NAME',
    (folder) => index(folder, 'model.safetensors.index.json'),
  ],
  [
    'model-folder',
    'an index that leads outside',
    'INVALID_SHARD_NAME',
    (folder) => index(folder, '../model.safetensors'),
  ],
  [
    'config',
    'a thousand million layers',
    'MODEL_CONFIG',
    (folder) => config(folder, '{"model_type":"llama","num_hidden_layers":1000000000}'),
  ],
  ['config', '20 MB of white space', 'MODEL_NOT_FOUND', (folder) => config(folder, filled('{', ' ', '}', 20 * MiB))],
  [
    'records-json',
    'a gzip bomb of a gigabyte',
    'DATA_EMPTY',
    (folder) =>
      writeFile(join(folder, 'pairs.json'), Buffer.concat(Array(1024).fill(gzipSync(Buffer.alloc(MiB, ' '))))),
  ],
  [
    'records-jsonl',
    'a line of a hundred megabytes',
    'refused',
    async (folder) => {
      await using file = await open(join(folder, 'pairs.jsonl'), 'w');
      for (let i = 0; i < 100; i++) await file.write(Buffer.alloc(MiB, 'a'));
    },
  ],
  [
    'records-jsonl',
    'a text of ten megabytes',
    'refused',
    (folder) =>
      writeFile(
        join(folder, 'pairs.jsonl'),
        JSON.stringify({ prompt: 'word '.repeat(2 * MiB), chosen: 'b', rejected: 'c' }),
      ),
  ],
  [
    'records-jsonl',
    'half a million messages',
    'refused',
    (folder) => {
      const messages = Array(250_000).fill({ role: 'user', content: 'a' });
      const said = (content: string) => [...messages, { role: 'assistant', content }];
      return writeFile(join(folder, 'pairs.jsonl'), JSON.stringify({ chosen: said('b'), rejected: said('c') }));
    },
  ],
  [
    'adapter',
    'a matrix that no memory holds',
    'TENSOR_TOO_LARGE',
    async (folder) => {
      const bytes = 2 ** 42;
      await writeFile(
        join(folder, 'adapter_config.json'),
        JSON.stringify({ peft_type: 'LORA', r: 1, lora_alpha: 1, target_modules: ['a'] }),
      );
      const entry = { dtype: 'F32', shape: [1, bytes / 4], data_offsets: [0, bytes] };
      const header = withHeader(JSON.stringify({ 'base_model.model.a.lora_A.weight': entry }));
      await writeFile(join(folder, 'adapter_model.safetensors'), header);
      await truncate(join(folder, 'adapter_model.safetensors'), header.length + bytes);
    },
  ],
];

const MOST_MS = 120_000;
const MOST_HEAP_MEGABYTES = 512;
/** Some times the largest file here. */
const MOST_MEGABYTES = 1_000;

const sandbox = new ReaderSandbox({ milliseconds: MOST_MS, heapMegabytes: MOST_HEAP_MEGABYTES });
afterAll(() => sandbox[Symbol.asyncDispose]());

test.each(cases)('%s: %s is answered by %s, in bounded time and memory', async (reader, _what, expected, write) => {
  const folder = await preparePlace(await temporaryFolder());
  await mkdir(folder, { recursive: true });
  await write(folder);
  const { outcome, peakBytes } = await sandbox.read({ reader, folder });
  const answer = outcome.kind === 'refused' ? outcome.reason : outcome.kind === 'accepted' ? outcome.detail : outcome;
  expect(answer).toEqual(expected);
  expect(peakBytes / MiB).toBeLessThan(MOST_MEGABYTES);
});
