import { forgottenMarks, MARK_EVERY_MS, markedCalls, markName, markValue } from './call-marks.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const marked = (annotations: Record<string, string>) => ({ annotations });

test('calls of all activators are added, those of one that stopped telling are not', () => {
  const state = marked({
    [markName('scaler-1')]: markValue(3, NOW - MARK_EVERY_MS),
    [markName('scaler-2')]: markValue(2, NOW),
    [markName('scaler-3')]: markValue(9, NOW - 60_000),
    'somebody.else/last-call': markValue(50, NOW),
  });
  expect(markedCalls(state, NOW)).toBe(5);
});

test('a mark that cannot be read counts for nothing', () => {
  expect(markedCalls(marked({ [markName('a')]: 'yes', [markName('b')]: '' }), NOW)).toBe(0);
});

test('names of annotations keep to the limit of Kubernetes and tell pods of one workload apart', () => {
  const long = `a-release-with-a-very-long-name-that-goes-on-and-on-${'x'.repeat(200)}-7d9f8b6c4-`;
  const [one, other] = [markName(`${long}abcde`), markName(`${long}fghij`)];
  expect(one).not.toBe(other);
  for (const name of [one, other, markName('pod')]) {
    expect(name.slice(name.indexOf('/') + 1)).toMatch(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
  }
});

test('marks of activators that are long gone are forgotten', () => {
  const state = marked({ [markName('old')]: markValue(1, NOW - 7_200_000), [markName('new')]: markValue(1, NOW) });
  expect(forgottenMarks(state, NOW)).toEqual([markName('old')]);
});
