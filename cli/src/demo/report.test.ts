import { demoReport } from './report.ts';

const evaluation = (logProbChosen: number, logProbRejected: number, accuracy: number, margin: number) => ({
  ...{ pairs: 400, loss: 1, rewardChosen: 0, rewardRejected: 0 },
  ...{ logProbChosen, logProbRejected, accuracy, margin },
});
const before = evaluation(-0.232, -0.251, 0.595, 0.05);

test.each([
  // As measured with and without the likelihood term.
  ['better. Right answers became more likely', evaluation(-0.127, -0.706, 0.998, 1.61)],
  ['worse. Right answers became less likely', evaluation(-3.347, -4.067, 0.973, 4.603)],
  ['better. Right answers stayed as likely', evaluation(-0.231, -0.9, 0.9, 2)],
  ['no better', evaluation(-0.2, -0.22, 0.595, 0.06)],
])('the verdict is not the margin: %s', (verdict, after) => {
  expect(demoReport(before, after)).toContain(`Verdict: ${verdict}`);
});

test('log-probabilities and their displacement are shown', () => {
  const text = demoReport(before, evaluation(-0.127, -0.706, 0.998, 1.61));
  expect(text).toMatch(/chosen +-0\.232 +-0\.127\n/);
  expect(text).toContain('chosen +0.105, rejected -0.455 nats per token');
});
