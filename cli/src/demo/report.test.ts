import { demoReport } from './report.ts';

const evaluation = (logProbChosen: number, logProbRejected: number, accuracy: number, margin: number) => ({
  ...{ pairs: 400, loss: 1, rewardChosen: 0, rewardRejected: 0 },
  ...{ logProbChosen, logProbRejected, accuracy, margin },
});
const step = (numbers: ReturnType<typeof evaluation>, right: number, text = 'It is odd.') => ({
  evaluation: numbers,
  answers: {
    ...{ prompts: 100, judged: 100, right: right / 100, tokens: 10, ended: 1, repetition: 0, divergence: 0 },
    answers: [{ id: '1', text, tokens: 10, finish: 'stop' as const, right: text === 'It is even.' }],
  },
});
const start = evaluation(-0.232, -0.251, 0.595, 0.05);
const better = evaluation(-0.127, -0.706, 0.998, 1.61);
/** As measured without the likelihood of the right answers in the loss. */
const displaced = evaluation(-3.347, -4.067, 0.973, 4.603);
const prompts = [{ id: '1', text: 'Is 4 even or odd? ', tokens: [1] }];

test.each([
  ['better', better, 93],
  ['worse', displaced, 0],
  ['worse', better, 20],
  ['no better', better, 40],
] as const)('the verdict goes by answers, not by the margin: %s', (verdict, after, right) => {
  expect(demoReport(step(start, 38), step(after, right), prompts)).toContain(`Verdict: ${verdict}.`);
});

test('answers, log-probabilities and their displacement are shown', () => {
  const text = demoReport(step(start, 38), step(better, 93, 'It is even.'), prompts);
  expect(text).toMatch(/right answers, of 100 asked +38 +93\n/);
  expect(text).toMatch(/chosen +-0\.232 +-0\.127\n/);
  expect(text).toContain('  prompt "Is 4 even or odd?"\n  before (wrong) "It is odd."\n  after  (right) "It is even."');
  expect(text).toContain('chosen +0.105, rejected -0.455 nats per token');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});
