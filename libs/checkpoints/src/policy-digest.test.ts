import { type FloatTensor, floatTensor, sha256 } from '@alphapo/base';
import { policyDigest } from './policy-digest.ts';

const a = floatTensor([1, 2], Float32Array.of(1, -0));
const b = floatTensor([1], Float32Array.of(3));
const hex = (bytes: Uint8Array) => sha256(bytes).slice('sha256:'.length);
const digestOf = (tensors: Record<string, FloatTensor>) => policyDigest(new Map(Object.entries(tensors)));

test('the digest is over names, shapes and digests of little-endian bytes, by name', async () => {
  const first = hex(Buffer.from('0000803f00000080', 'hex'));
  const second = hex(Buffer.from('00004040', 'hex'));
  const expected = sha256(`["a",[1,2],["${first}"]]\n`, `["b",[1],["${second}"]]\n`);
  expect(await digestOf({ a, b })).toBe(expected);
  expect(await digestOf({ b, a })).toBe(expected);
});

test('every 4 MiB have a digest of their own, and no bytes have none', async () => {
  const data = new Float32Array(2 ** 20 + 1).fill(0.5);
  const bytes = new Uint8Array(data.buffer);
  const pieces = [bytes.subarray(0, 2 ** 22), bytes.subarray(2 ** 22)].map(hex);
  const tensors = { empty: floatTensor([0]), large: floatTensor([2 ** 20 + 1], data) };
  const expected = sha256('["empty",[0],[]]\n', `["large",[1048577],["${pieces[0]}","${pieces[1]}"]]\n`);
  expect(await digestOf(tensors)).toBe(expected);
});

test('whoever digests the pieces gets them in order, and returns them so', async () => {
  const inReverse = async (pieces: readonly Uint8Array[]) => pieces.toReversed().map(hex).toReversed();
  const tensors = new Map(Object.entries({ b, a }));
  expect(await policyDigest(tensors, inReverse)).toBe(await policyDigest(tensors));
});

test('a name, a shape or a single bit makes another digest', async () => {
  const digests = await Promise.all([
    digestOf({ a }),
    digestOf({ b: a }),
    digestOf({ a: floatTensor([2, 1], a.data) }),
    digestOf({ a: floatTensor([1, 2], Float32Array.of(1, 0)) }),
    digestOf({}),
  ]);
  expect(new Set(digests).size).toBe(digests.length);
});

test('a view into a larger buffer counts with its own elements only', async () => {
  const view = floatTensor([1, 2], Float32Array.of(9, 1, -0, 9).subarray(1, 3));
  expect(await digestOf({ a: view })).toBe(await digestOf({ a }));
});
