import { warningsOf } from './warnings.ts';

const GOOD = {
  ...{ pairs: 400, loss: 1, rewardChosen: 0, rewardRejected: 0, logProbRejected: -0.7 },
  ...{ accuracy: 0.6, margin: 0.05, marginMedian: 0.04, logProbChosen: -0.232 },
};
const steps = (...changes: Partial<typeof GOOD>[]) =>
  changes.map((change, i) => ({ step: 10 * i, evaluation: { ...GOOD, ...change } }));
const kindsOf = (...changes: Partial<typeof GOOD>[]) =>
  warningsOf(steps(...changes)).map(({ step, kind }) => [step, kind]);

test.each([
  ['a run that goes well', [{}, { logProbChosen: -0.127, margin: 1.61, marginMedian: 1.6 }], []],
  [
    'one that unlearns the chosen responses',
    [{}, { logProbChosen: -0.6 }, { logProbChosen: -3.3 }],
    [[20, 'displacement']],
  ],
  ['one whose mean margin is far from the median', [{}, { margin: 19, marginMedian: -0.2 }], [[10, 'outliers']]],
  ['small margins', [{}, { margin: 0.3, marginMedian: 0 }], []],
  [
    'both, the earlier first',
    [{}, { margin: 19, marginMedian: 0 }, { logProbChosen: -2, margin: 19, marginMedian: 0 }],
    [
      [10, 'outliers'],
      [20, 'displacement'],
    ],
  ],
  ['an evaluation of an older release', [{}, { margin: 19, marginMedian: undefined as never }], []],
  ['nothing evaluated', [], []],
])('%s', (_what, changes, expected) => {
  expect(kindsOf(...changes)).toEqual(expected);
});

test('a warning says what was seen and what to change', () => {
  const [{ text } = { text: '' }] = warningsOf(steps({}, { logProbChosen: -3.347 }));
  expect(text).toContain('-0.23 to -3.35');
  expect(text).toContain('--nll-weight');
});

test('without an evaluation of the start there is nothing to compare with', () => {
  expect(warningsOf(steps({}, { logProbChosen: -9 }).slice(1))).toEqual([]);
});
