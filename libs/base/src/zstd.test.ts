import { zstdCompressSync } from 'node:zlib';
import { decompressZstd } from './zstd.ts';

const frames = (...texts: string[]) => Buffer.concat(texts.map((text) => zstdCompressSync(text)));
/** A frame that decoders pass over: https://datatracker.ietf.org/doc/html/rfc8878#name-skippable-frames */
const SKIPPABLE = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);

test.each([
  ['one frame', frames('a'), 'a'],
  ['several', frames('a', 'b'.repeat(300_000), 'c'), `a${'b'.repeat(300_000)}c`],
  ['an empty one among them', frames('', 'a', '', 'b', ''), 'ab'],
  ['a skippable one at each end', Buffer.concat([SKIPPABLE, frames('a', 'b'), SKIPPABLE]), 'ab'],
])('%s is decompressed', (_, data, expected) => {
  expect(decompressZstd(data).toString()).toBe(expected);
});

test.each([
  ['a second frame that is cut off', frames('a', 'bcdefgh').subarray(0, -1)],
  ['bytes behind the last frame', Buffer.concat([frames('a'), Buffer.from('and no frame')])],
  ['nothing at all', Buffer.alloc(0)],
])('%s is refused', (_, data) => {
  expect(() => decompressZstd(data)).toThrow();
});

test('the limit is one for all frames', () => {
  expect(decompressZstd(frames('ab', 'cd'), 4).toString()).toBe('abcd');
  expect(decompressZstd(frames('', ''), 0).toString()).toBe('');
  for (const texts of [['ab', 'cde'], ['abcd', 'e'], ['abcde']]) {
    expect(() => decompressZstd(frames(...texts), 4)).toThrow(/larger than/);
  }
  expect(() => decompressZstd(frames('abcd', 'e'.repeat(100)), 4)).toThrow(/larger than/);
});
