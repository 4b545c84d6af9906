import * as fc from 'fast-check';
import { histogram, spreadOf } from './spread.ts';

test('order statistics of counts in any order', () => {
  const counts = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) + 1);
  expect(spreadOf(counts)).toEqual({ min: 1, median: 50, p95: 95, max: 100 });
  expect(spreadOf([7])).toEqual({ min: 7, median: 7, p95: 7, max: 7 });
  expect(spreadOf([])).toBeUndefined();
});

test('a histogram has a place for every count, and the fullest place is the tallest', () => {
  expect(histogram([0, 0, 0, 0, 1, 3], 4)).toBe('█▃ ▃');
  fc.assert(
    fc.property(
      fc.array(fc.nat(5000), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 60 }),
      (counts, n) => {
        const drawn = histogram(counts, n);
        expect(drawn).toHaveLength(n);
        expect(drawn).toContain('█');
      },
    ),
  );
});
