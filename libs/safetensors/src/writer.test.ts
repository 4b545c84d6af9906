import { chmod, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@alphapo/base';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openSafetensors } from './checkpoint-folder.ts';
import { encodeFloats } from './float-elements.ts';
import { type TensorToWrite, writeSafetensors } from './writer.ts';

const values = Float32Array.of(1.5, -2, 0.25, 3);

function tensor(name: string, overrides: Partial<TensorToWrite> = {}): TensorToWrite {
  return { name, dtype: 'f32', shape: [2, 2], data: values, ...overrides };
}

async function newFile(): Promise<string> {
  return join(await temporaryFolder(), 'model.safetensors');
}

test('what is written is read back: names, order, types, shapes, values, metadata', async () => {
  const file = await newFile();
  const tensors = [
    tensor('z'),
    tensor('1'),
    tensor('a', { data: async () => values }),
    tensor('é "quoted"', { shape: [4] }),
  ];
  await writeSafetensors(file, tensors, { format: 'pt' });
  const archive = await openSafetensors(file);
  expect([...archive.tensors.keys()]).toEqual(['z', '1', 'a', 'é "quoted"']);
  expect(archive.files[0]?.metadata).toEqual({ format: 'pt' });
  for (const name of archive.tensors.keys()) expect(await archive.read(name)).toEqual(values);
});

test('size and digest are those of the file, and equal tensors give equal files', async () => {
  const [first, second] = [await newFile(), await newFile()];
  const written = await writeSafetensors(first, [tensor('a'), tensor('b')]);
  await writeSafetensors(second, [tensor('a'), tensor('b')]);
  const bytes = await readFile(first);
  expect(written).toEqual({ size: bytes.length, digest: sha256(bytes) });
  expect(await readFile(second)).toEqual(bytes);
});

test('every tensor is aligned to its elements, and the data section to 64 bytes', async () => {
  const file = await newFile();
  await writeSafetensors(file, [
    tensor('bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }),
    tensor('bf16', { dtype: 'bf16', shape: [3], data: encodeFloats('bf16', Float32Array.of(1, 2, 3)) }),
    tensor('f32'),
    tensor('i64', { dtype: 'i64', shape: [1], data: BigInt64Array.of(7n) }),
  ]);
  const archive = await openSafetensors(file);
  expect([...archive.tensors.keys()]).toEqual(['i64', 'f32', 'bf16', 'bool']);
  expect(archive.entry('i64').offset % 64).toBe(0);
  expect(archive.entry('f32').offset % 4).toBe(0);
  expect(await archive.readBytes('bool')).toEqual(Uint8Array.of(1, 0, 1));
  await expect(archive.read('bool')).rejects.toMatchObject({ reason: 'NOT_A_FLOAT_TENSOR' });
});

test.each(['f64', 'f32', 'f16', 'bf16'] as const)('%s is read as float32, in chunks', async (dtype) => {
  const file = await newFile();
  const many = Float32Array.from({ length: 3_000_001 }, (_, i) => (i % 256) - 128);
  await writeSafetensors(file, [tensor('a', { dtype, shape: [many.length], data: encodeFloats(dtype, many) })]);
  const archive = await openSafetensors(file);
  expect(Buffer.compare(Buffer.from((await archive.read('a')).buffer), Buffer.from(many.buffer))).toBe(0);
});

test('float64 is read without rounding, and only where it is stored', async () => {
  const file = await newFile();
  await writeSafetensors(file, [
    tensor('pi', { dtype: 'f64', shape: [1], data: Float64Array.of(Math.PI) }),
    tensor('a'),
  ]);
  const archive = await openSafetensors(file);
  expect(await archive.readFloat64('pi')).toEqual(Float64Array.of(Math.PI));
  expect(await archive.read('pi')).toEqual(Float32Array.of(Math.PI));
  await expect(archive.readFloat64('a')).rejects.toMatchObject({ reason: 'WRONG_DATA_TYPE' });
});

test.each([
  ['DUPLICATE_TENSOR', [tensor('a'), tensor('a')]],
  ['INVALID_TENSOR_NAME', [tensor('__metadata__')]],
  ['INVALID_TENSOR_NAME', [tensor('\ud800')]],
  ['TENSOR_SIZE_MISMATCH', [tensor('a'), tensor('b', { shape: [5] })]],
  ['INVALID_SHAPE', [tensor('a', { shape: [-2, -2] })]],
])('%s: nothing is written, and the old file stays', async (reason, tensors) => {
  const file = await newFile();
  await writeFile(file, 'old');
  await expect(writeSafetensors(file, tensors)).rejects.toMatchObject({ name: 'AlphapoError', reason });
  expect(await readFile(file, 'utf8')).toBe('old');
  expect(await readdir(join(file, '..'))).toEqual(['model.safetensors']);
});

test('an error of the data’s source passes on and leaves nothing', async () => {
  const file = await newFile();
  const failing = tensor('a', { data: () => Promise.reject(new Error('gone')) });
  await expect(writeSafetensors(file, [failing])).rejects.toMatchObject({ message: expect.stringContaining('gone') });
  expect(await readdir(join(file, '..'))).toEqual([]);
});

test('a read after the file was replaced says so instead of returning other data', async () => {
  const file = await newFile();
  await writeSafetensors(file, [tensor('a')]);
  const archive = await openSafetensors(file);
  await writeSafetensors(file, [tensor('a'), tensor('b')]);
  await expect(archive.read('a')).rejects.toMatchObject({ code: 'aborted', reason: 'FILE_CHANGED' });
});

test('a missing file, a folder and an unknown tensor are named', async () => {
  const file = await newFile();
  await expect(openSafetensors(file)).rejects.toMatchObject({ code: 'not-found', reason: 'FILE_NOT_FOUND' });
  await expect(openSafetensors(join(file, '..'))).rejects.toMatchObject({ reason: 'NOT_A_FILE' });
  await writeSafetensors(file, [tensor('a')]);
  const archive = await openSafetensors(file);
  await expect(archive.read('b')).rejects.toMatchObject({ reason: 'TENSOR_NOT_FOUND', metadata: { tensor: 'b' } });
});

test('a symbolic link is followed, and the entry names the path as given', async () => {
  const file = await newFile();
  await writeSafetensors(file, [tensor('a')]);
  await chmod(file, 0o444);
  const link = join(await temporaryFolder(), 'model.safetensors');
  await symlink(file, link);
  const archive = await openSafetensors(link);
  expect(archive.entry('a').file).toBe(link);
  expect(archive.files[0]?.realPath).toBe(file);
  expect(await archive.read('a')).toEqual(values);
});
