import { shuffledOrder } from './index.ts';

test('an order is a permutation', () => {
  for (const count of [0, 1, 2, 1000]) {
    expect(shuffledOrder(count, 42, 0).toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
  }
});

test('the same seed and epoch give the same order, on every machine', () => {
  expect(shuffledOrder(1000, 42, 3)).toEqual(shuffledOrder(1000, 42, 3));
  expect(shuffledOrder(8, 42, 0)).toEqual([1, 0, 2, 5, 4, 6, 7, 3]);
});

test('each epoch and each seed has its own order', () => {
  const orders = [0, 1, 2, 3].flatMap((seed) => [0, 1, 2, 3].map((epoch) => `${shuffledOrder(100, seed, epoch)}`));
  expect(new Set(orders).size).toBe(orders.length);
});

test('no place keeps its record: over many epochs each record comes first about equally often', () => {
  const counts = [0, 0, 0, 0];
  for (let epoch = 0; epoch < 4000; epoch++) {
    const [first] = shuffledOrder(4, 7, epoch);
    counts[first as number] = (counts[first as number] as number) + 1;
  }
  // Binomial with mean 1000 and standard deviation 27.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(140);
});
