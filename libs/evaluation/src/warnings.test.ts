import { bestStepOf, collapseOf, warningsOf } from './warnings.ts';

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

test('without an evaluation of the start, the first one is compared with', () => {
  const [, ...later] = steps({}, { logProbChosen: -9 }, { logProbChosen: -9 }, { logProbChosen: -11 });
  expect(warningsOf(later)).toMatchObject([{ step: 30, kind: 'displacement' }]);
});

const ANSWERS = {
  ...{ prompts: 50, judged: 50, right: 0.4, tokens: 20, ended: 0.95, repetition: 0.02, divergence: 0 },
  answers: [],
};
const answered = (...changes: Partial<typeof ANSWERS>[]) =>
  changes.map((change, i) => ({ step: 10 * i, answers: { ...ANSWERS, ...change } }));

test.each([
  ['answers that get better', [{}, { right: 0.8 }], []],
  ['chance', [{}, { right: 0.32, tokens: 30, ended: 0.8, repetition: 0.1 }], []],
  ['fewer right ones', [{}, { right: 0.2 }], ['wrong']],
  ['repeated ones', [{}, { repetition: 0.4 }], ['repetition']],
  ['endless ones', [{}, { ended: 0.3 }], ['endless']],
  ['long ones', [{}, { tokens: 70 }], ['length']],
  ['short ones', [{}, { tokens: 6 }], ['length']],
  ['prompts without right answers', [{ right: undefined as never }, { right: undefined as never }], []],
])('%s', (_what, changes, expected) => {
  expect(warningsOf(answered(...changes)).map(({ kind }) => kind)).toEqual(expected);
});

test.each([
  ['a good run', answered({}, { right: 0.8 }, { right: 0.7 }), undefined, 10],
  ['equals: the later one', answered({}, { right: 0.8 }, { right: 0.8 }), undefined, 20],
  ['one that breaks', answered({}, { right: 0.6 }, { right: 0.1 }, { right: 0.9 }), 20, 10],
  ['one that breaks at once', answered({}, { repetition: 0.9, right: 0.9 }), 10, 0],
  ['another length alone', answered({}, { tokens: 90 }), undefined, 10],
  ['pairs alone: displacement', steps({}, { accuracy: 0.9 }, { logProbChosen: -3, accuracy: 1 }), 20, 10],
  ['nothing', [], undefined, undefined],
])('%s: where it collapsed, and the best step', (_what, evaluations, collapsed, best) => {
  expect([collapseOf(evaluations)?.step, bestStepOf(evaluations)]).toEqual([collapsed, best]);
});

test('displacement is no collapse where the answers are good', () => {
  const both = answered({}, { right: 0.9 }).map((step, i) => ({ ...step, ...steps({}, { logProbChosen: -3 })[i] }));
  expect(warningsOf(both).map(({ kind }) => kind)).toEqual(['displacement']);
  expect(collapseOf(both)).toBeUndefined();
});
