import { seededRandom } from './random.ts';

test('the same seed gives the same stream, another seed another one', () => {
  const first = seededRandom(7);
  const second = seededRandom(7);
  const other = seededRandom(8);
  const draws = (random: { next(): number }) => Array.from({ length: 100 }, () => random.next());
  const expected = draws(first);
  expect(draws(second)).toEqual(expected);
  expect(draws(other)).not.toEqual(expected);
});

test('normal draws have zero mean and unit variance', () => {
  const random = seededRandom(1);
  const draws = Array.from({ length: 20_000 }, () => random.normal());
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
});

test('a shuffle is a permutation', () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = seededRandom(3).shuffle([...items]);
  expect(shuffled).not.toEqual(items);
  expect(shuffled.sort((a, b) => a - b)).toEqual(items);
});
