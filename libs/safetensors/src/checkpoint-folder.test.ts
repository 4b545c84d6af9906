import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openCheckpoint } from './checkpoint-folder.ts';
import { writeShardedCheckpoint } from './sharded-writer.ts';
import { writeSafetensors } from './writer.ts';

const INDEX = 'model.safetensors.index.json';
const SHARDS = [
  'model-00001-of-00003.safetensors',
  'model-00002-of-00003.safetensors',
  'model-00003-of-00003.safetensors',
];

function tensors(names: string) {
  return [...names].map((name, i) => ({ name, dtype: 'f32', shape: [2], data: Float32Array.of(i, -i) }) as const);
}

/** Five tensors of 8 bytes each, two in a shard. */
async function shardedFolder(): Promise<string> {
  const folder = await temporaryFolder();
  await writeShardedCheckpoint(folder, tensors('edcba'), 16);
  return folder;
}

async function changeIndex(folder: string, change: (weightMap: Record<string, string>) => void): Promise<void> {
  const index = JSON.parse(await readFile(join(folder, INDEX), 'utf8'));
  change(index.weight_map);
  await writeFile(join(folder, INDEX), JSON.stringify(index));
}

test('shards are named and indexed as transformers does', async () => {
  const folder = await shardedFolder();
  expect((await readdir(folder)).sort()).toEqual([...SHARDS, INDEX]);
  expect(JSON.parse(await readFile(join(folder, INDEX), 'utf8'))).toEqual({
    metadata: { total_size: 40 },
    weight_map: { a: SHARDS[2], b: SHARDS[1], c: SHARDS[1], d: SHARDS[0], e: SHARDS[0] },
  });
  const archive = await openCheckpoint(folder);
  expect([...archive.tensors.keys()].join('')).toBe('edcba');
  expect(await archive.read('b')).toEqual(Float32Array.of(3, -3));
  expect(archive.files.map((file) => file.metadata)).toEqual(SHARDS.map(() => ({ format: 'pt' })));
});

test('weights that fit are one file without an index, and replace older shards', async () => {
  const folder = await shardedFolder();
  await writeFile(join(folder, 'config.json'), '{}');
  expect(await writeShardedCheckpoint(folder, tensors('ab'), 16)).toEqual(['model.safetensors']);
  expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors']);
  await writeShardedCheckpoint(folder, tensors('abc'), 16);
  expect((await openCheckpoint(folder)).tensors.size).toBe(3);
  expect(await readdir(folder)).not.toContain('model.safetensors');
});

test('a tensor above the limit has a shard of its own', async () => {
  const folder = await temporaryFolder();
  const names = await writeShardedCheckpoint(folder, tensors('abc'), 1);
  expect(names).toEqual([...SHARDS, INDEX]);
});

test('a folder of links, as the Hugging Face cache has, opens', async () => {
  const folder = await shardedFolder();
  const blobs = join(folder, 'blobs');
  const snapshot = join(folder, 'snapshot');
  await mkdir(blobs);
  await mkdir(snapshot);
  for (const [i, name] of [...SHARDS, INDEX].entries()) {
    await rename(join(folder, name), join(blobs, `blob${i}`));
    await symlink(join('..', 'blobs', `blob${i}`), join(snapshot, name));
  }
  const archive = await openCheckpoint(snapshot);
  expect(await archive.read('b')).toEqual(Float32Array.of(3, -3));
});

test.each([
  '../model.safetensors',
  '/etc/model.safetensors',
  'shards/model.safetensors',
  '..\\model.safetensors',
  'model.bin',
  '..',
])('an index that names %s is refused', async (shard) => {
  const folder = await shardedFolder();
  await changeIndex(folder, (weightMap) => Object.assign(weightMap, { a: shard }));
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'data-loss', reason: 'INVALID_SHARD_NAME' });
});

test('a missing shard is named: the download is incomplete', async () => {
  const folder = await shardedFolder();
  await rm(join(folder, SHARDS[1] as string));
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'not-found', metadata: { shard: SHARDS[1] } });
});

test('a tensor that no shard has, or another one, is named', async () => {
  const folder = await shardedFolder();
  await changeIndex(folder, (weightMap) => Object.assign(weightMap, { f: SHARDS[0] }));
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ reason: 'INDEX_MISMATCH', metadata: { tensor: 'f' } });
  const other = await shardedFolder();
  await changeIndex(other, (weightMap) => Object.assign(weightMap, { a: SHARDS[0] }));
  await expect(openCheckpoint(other)).rejects.toMatchObject({ reason: 'INDEX_MISMATCH', metadata: { tensor: 'a' } });
});

test('a tensor in two shards is refused', async () => {
  const folder = await shardedFolder();
  await writeSafetensors(join(folder, SHARDS[2] as string), tensors('ad'));
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ reason: 'DUPLICATE_TENSOR', metadata: { tensor: 'd' } });
});

test.each([
  ['{', 'NOT_JSON'],
  ['{"weight_map":{}}', 'INVALID_INDEX'],
  ['{"weight_map":[]}', 'INVALID_INDEX'],
  ['{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}', 'DUPLICATE_KEY'],
  ['{"weight_map":{"a":7}}', 'INVALID_SHARD_NAME'],
])('an index of %s is refused', async (text, reason) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, INDEX), text);
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ name: 'AlphapoError', code: 'data-loss', reason });
});

test('a folder without weights says what it looked for, and what to do with pickled weights', async () => {
  const folder = await temporaryFolder();
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'not-found', reason: 'NO_WEIGHTS' });
  await writeFile(join(folder, 'pytorch_model.bin'), '');
  await expect(openCheckpoint(folder)).rejects.toThrow('convert pytorch_model.bin');
  await expect(openCheckpoint(join(folder, 'absent'))).rejects.toMatchObject({ reason: 'FILE_NOT_FOUND' });
});
