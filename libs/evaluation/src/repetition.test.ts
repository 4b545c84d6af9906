import { repetitionOf } from './repetition.ts';

test.each([
  ['nothing', [], 0],
  ['fewer tokens than a sequence', [1, 1, 1], 0],
  ['different sequences', [1, 2, 3, 4, 5, 6], 0],
  ['one token again and again', Array(23).fill(7), 1 - 1 / 20],
  ['a period of four', [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3], 1 - 4 / 8],
])('%s', (_what, tokens, expected) => {
  expect(repetitionOf(tokens)).toBeCloseTo(expected, 12);
});
