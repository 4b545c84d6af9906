import { describeDuration, describeRate, progressLine } from './progress-bar.ts';

const PARTS = [
  { text: '12/60 steps', rank: 0 },
  { text: 'loss 0.6931', rank: 2 },
  { text: '3m20s left', rank: 1 },
];

test.each([10, 20, 40, 60, 80, 120])('a progress line fits %i columns and says most of what fits', (columns) => {
  const line = progressLine(0.2, PARTS, columns);
  expect(line.length).toBeLessThanOrEqual(columns);
  const shown = PARTS.filter(({ text }) => line.includes(text)).map(({ rank }) => rank);
  expect(shown.sort()).toEqual(
    [0, 1, 2].slice(0, columns < 22 ? shown.length : columns < 35 ? 1 : columns < 49 ? 2 : 3),
  );
});

test.each([
  [1234, '1234 pairs/s'],
  [42.42, '42.4 pairs/s'],
  [1.5, '1.50 pairs/s'],
  [0.4, '2.50 s/pair'],
  [0.004, '250 s/pair'],
  [0, '- pairs/s'],
  [Number.POSITIVE_INFINITY, '- pairs/s'],
])('%d pairs a second read %s', (rate, text) => expect(describeRate(rate)).toBe(text));

test.each([
  [0.2, '0s'],
  [59.4, '59s'],
  [200, '3m20s'],
  [7_500, '2h05m'],
  [273_600, '3d04h'],
  [Number.NaN, '?'],
])('%d seconds read %s', (seconds, text) => expect(describeDuration(seconds)).toBe(text));
