import { sha256 } from '@alphapo/base';
import type { DataPair } from './dataset.ts';
import { dataDigest } from './run-folder.ts';

const pair = (text: string) => ({ bytes: Buffer.from(text) }) as unknown as DataPair;

test('the digest of the data covers the records in their order, however many there are', () => {
  expect(dataDigest([pair('a')], [pair('b')], true)).toBe(sha256('{"pairs":1,"shuffle":true}\na\nb\n'));
  const many = Array.from({ length: 200_000 }, () => pair('a'));
  expect(dataDigest(many, [], false)).toBe(sha256(`{"pairs":200000,"shuffle":false}\n${'a\n'.repeat(200_000)}`));
});
