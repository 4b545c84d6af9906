import { murmur2, partitionOfKey } from './partitioner.ts';

test('hashes as Kafka does (values of its UtilsTest)', () => {
  const hash = (text: string) => murmur2(new TextEncoder().encode(text));
  expect(hash('21')).toBe(-973932308);
  expect(hash('foobar')).toBe(-790332482);
  expect(hash('a-little-bit-long-string')).toBe(-985981536);
  expect(hash('a-little-bit-longer-string')).toBe(-1486304829);
  expect(hash('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8')).toBe(-58897971);
  expect(hash('abc')).toBe(479470107);
});

test('spreads keys over all partitions', () => {
  const partitions = Array.from({ length: 100 }, (_, i) => partitionOfKey(`key-${i}`, 3));
  expect(new Set(partitions)).toEqual(new Set([0, 1, 2]));
});
