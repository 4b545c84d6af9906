import { floatTensor, sha256 } from '@alphapo/base';
import { policyDigest } from './policy-digest.ts';

const a = floatTensor([1, 2], Float32Array.of(1, -0));
const b = floatTensor([1], Float32Array.of(3));

test('the digest is over names, shapes and little-endian bytes, by name', () => {
  const expected = sha256(
    '["a",[1,2]]\n',
    Buffer.from('0000803f00000080', 'hex'),
    '["b",[1]]\n',
    Buffer.from('00004040', 'hex'),
  );
  expect(policyDigest(new Map(Object.entries({ a, b })))).toBe(expected);
  expect(policyDigest(new Map(Object.entries({ b, a })))).toBe(expected);
});

test('a name, a shape or a single bit makes another digest', () => {
  const digests = [
    policyDigest(new Map([['a', a]])),
    policyDigest(new Map([['b', a]])),
    policyDigest(new Map([['a', floatTensor([2, 1], a.data)]])),
    policyDigest(new Map([['a', floatTensor([1, 2], Float32Array.of(1, 0))]])),
    policyDigest(new Map()),
  ];
  expect(new Set(digests).size).toBe(digests.length);
});

test('a view into a larger buffer counts with its own elements only', () => {
  const view = floatTensor([1, 2], Float32Array.of(9, 1, -0, 9).subarray(1, 3));
  expect(policyDigest(new Map([['a', view]]))).toBe(policyDigest(new Map([['a', a]])));
});
