import { symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openSafetensors } from './checkpoint-folder.ts';
import { f32, fileOf } from './file.fixture.ts';

const data = new Uint8Array(16);

async function reasonOf(file: string): Promise<unknown> {
  return openSafetensors(file).then(
    () => 'opened',
    (error) => {
      expect(error.name).toBe('AlphapoError');
      expect(error.message).toContain(file);
      return error.reason;
    },
  );
}

test('a well-formed file opens, with metadata, scalars and empty tensors', async () => {
  const header = {
    __metadata__: { format: 'pt' },
    b: f32([2], 4, 12),
    scalar: f32([], 0, 4),
    empty: f32([0, 3], 12, 12),
    a: f32([1, 1], 12, 16),
  };
  const archive = await openSafetensors(await fileOf({ header, data }));
  expect([...archive.tensors.keys()]).toEqual(['scalar', 'b', 'empty', 'a']);
  expect(archive.files[0]?.metadata).toEqual({ format: 'pt' });
  expect(archive.entry('b')).toMatchObject({ dtype: 'f32', shape: [2], byteLength: 8 });
  expect(archive.entry('b').offset).toBe(8 + JSON.stringify(header).length + 4);
  expect(await archive.read('empty')).toHaveLength(0);
});

test('a tensor behind 4 GiB of others is found and read', async () => {
  const [begin, end] = [5 * 2 ** 30, 5 * 2 ** 30 + 8];
  const header = { large: { dtype: 'U8', shape: [begin], data_offsets: [0, begin] }, last: f32([2], begin, end) };
  const file = await fileOf({ header });
  await truncate(file, 8 + JSON.stringify(header).length + end); // A sparse file: it takes no space.
  const archive = await openSafetensors(file);
  expect(await archive.read('last')).toEqual(new Float32Array(2));
});

test('a name that JavaScript objects treat specially is a name like any other', async () => {
  const header = `{"__proto__":${JSON.stringify(f32([2], 0, 8))},"10":${JSON.stringify(f32([2], 8, 16))}}`;
  const archive = await openSafetensors(await fileOf({ header, data }));
  expect([...archive.tensors.keys()]).toEqual(['__proto__', '10']);
});

test.each<[string, Parameters<typeof fileOf>[0]]>([
  ['HEADER_TOO_LONG', { header: {}, headerLength: 100_000_001n }],
  ['HEADER_TOO_LONG', { header: {}, headerLength: 2n ** 64n - 1n }],
  ['TRUNCATED_FILE', { header: {}, headerLength: 3n, data: new Uint8Array() }],
  ['INVALID_HEADER', { header: '' }],
  ['INVALID_HEADER', { header: ' {}' }],
  ['INVALID_HEADER', { header: '[]' }],
  ['NOT_JSON', { header: '{"a":' }],
  ['NOT_UTF8', { header: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d) }],
  [
    'DUPLICATE_KEY',
    { header: `{"a":${JSON.stringify(f32([4], 0, 16))},"\\u0061":${JSON.stringify(f32([4], 0, 16))}}` },
  ],
  ['DUPLICATE_KEY', { header: '{"a":{"dtype":"F32","dtype":"I32","shape":[4],"data_offsets":[0,16]}}' }],
  ['UNKNOWN_DATA_TYPE', { header: { a: { ...f32([4], 0, 16), dtype: 'F33' } } }],
  ['UNSUPPORTED_DATA_TYPE', { header: { a: { ...f32([16], 0, 16), dtype: 'F8_E4M3' } } }],
  ['INVALID_TENSOR_ENTRY', { header: { a: null } }],
  ['INVALID_TENSOR_ENTRY', { header: { a: { shape: [4], data_offsets: [0, 16] } } }],
  ['INVALID_SHAPE', { header: { a: f32([-4], 0, 16) } }],
  ['INVALID_SHAPE', { header: { a: f32([1.5], 0, 6) } }],
  ['INVALID_SHAPE', { header: { a: f32([2 ** 53], 0, 16) } }],
  ['INVALID_SHAPE', { header: { a: f32([2 ** 40, 2 ** 40], 0, 16) } }],
  ['INVALID_SHAPE', { header: { a: { dtype: 'F32', data_offsets: [0, 16] } } }],
  ['INVALID_OFFSETS', { header: { a: f32([4], -16, 0) } }],
  ['INVALID_OFFSETS', { header: { a: { dtype: 'F32', shape: [4], data_offsets: [0] } } }],
  ['TENSOR_SIZE_MISMATCH', { header: { a: f32([3], 0, 16) } }],
  ['TENSOR_SIZE_MISMATCH', { header: { a: f32([4], 16, 0) } }],
  ['OVERLAPPING_TENSORS', { header: { a: f32([2], 0, 8), b: f32([3], 4, 16) } }],
  ['HOLE_IN_DATA', { header: { a: f32([1], 0, 4), b: f32([2], 8, 16) } }],
  ['HOLE_IN_DATA', { header: { a: f32([2], 8, 16) } }],
  ['TRUNCATED_FILE', { header: { a: f32([5], 0, 20) } }],
  ['UNCOVERED_DATA', { header: { a: f32([3], 0, 12) } }],
  ['UNCOVERED_DATA', { header: {} }],
  ['TOO_MUCH_JSON', { header: `{"a":${'['.repeat(101)}` }],
  ['INVALID_METADATA', { header: { __metadata__: { format: 1 }, a: f32([4], 0, 16) } }],
])('%s is what a file with this defect is refused with: %j', async (reason, parts) => {
  expect(await reasonOf(await fileOf({ data, ...parts }))).toBe(reason);
});

test('a name of a million characters does not make a message of a million', async () => {
  const header = { ['n'.repeat(1_000_000)]: { ...f32([4], 0, 16), dtype: 'F33' } };
  const opening = openSafetensors(await fileOf({ header, data }));
  await expect(opening).rejects.toMatchObject({ message: expect.stringMatching(/^.{0,2000}$/s) });
});

test('brackets in strings are no nesting', async () => {
  const name = `\\"${'['.repeat(200)}`;
  const archive = await openSafetensors(await fileOf({ header: { [name]: f32([4], 0, 16) }, data }));
  expect([...archive.tensors.keys()]).toEqual([name]);
});

test('a tensor that no memory holds is refused by name', async () => {
  const bytes = 2 ** 42;
  const header = { large: f32([bytes / 4], 0, bytes) };
  const file = await fileOf({ header });
  await truncate(file, 8 + JSON.stringify(header).length + bytes); // A sparse file: it takes no space.
  const archive = await openSafetensors(file);
  for (const read of ['read', 'readBytes'] as const) {
    await expect(archive[read]('large')).rejects.toMatchObject({
      code: 'resource-exhausted',
      reason: 'TENSOR_TOO_LARGE',
      metadata: { tensor: 'large' },
    });
  }
});

test('a link to itself is no reason to try again', async () => {
  const file = join(await temporaryFolder(), 'model.safetensors');
  await symlink(file, file);
  await expect(openSafetensors(file)).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'FILE_NOT_ACCESSIBLE',
  });
});
