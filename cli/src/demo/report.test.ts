import { demoReport } from './report.ts';

const evaluation = (logProbChosen: number, logProbRejected: number, accuracy: number, margin: number) => ({
  ...{ pairs: 400, loss: 1, rewardChosen: 0, rewardRejected: 0 },
  ...{ logProbChosen, logProbRejected, accuracy, margin },
});
const before = evaluation(-0.232, -0.251, 0.595, 0.05);
const better = evaluation(-0.127, -0.706, 0.998, 1.61);
/** As measured without the likelihood of the right answers in the loss. */
const displaced = evaluation(-3.347, -4.067, 0.973, 4.603);
const answers = (first: number, then: number) => ({ questions: 100, before: first, after: then, examples: [] });

test.each([
  ['better', better, answers(38, 93)],
  ['worse', displaced, answers(38, 0)],
  ['worse', better, answers(38, 20)],
  ['no better', better, answers(38, 40)],
] as const)('the verdict goes by answers, not by the margin: %s', (verdict, after, given) => {
  expect(demoReport(before, after, given)).toContain(`Verdict: ${verdict}.`);
});

test('answers, log-probabilities and their displacement are shown', () => {
  const examples = [{ question: 'Is 4 even or odd?', before: 'It is odd.', after: 'It is even.' }];
  const text = demoReport(before, better, { ...answers(38, 93), examples });
  expect(text).toMatch(/right answers, of 100 asked +38 +93\n/);
  expect(text).toMatch(/chosen +-0\.232 +-0\.127\n/);
  expect(text).toMatch(/"Is 4 even or odd\?" +before "It is odd\." +after "It is even\."/);
  expect(text).toContain('chosen +0.105, rejected -0.455 nats per token');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});
