import type { EvaluatedAnswers, EvaluatedPairs } from '@alphapo/contracts';
import type { TokenPrompt } from '@alphapo/generation';
import { changedAnswers } from '../training/evaluation-lines.ts';

/** A change of the share of right answers that is more than chance. */
const NOTICEABLE = 0.05;
const WIDTH = 80;

/** A step with everything that the demo evaluates. */
export interface DemoStep {
  readonly evaluation: EvaluatedPairs;
  readonly answers: EvaluatedAnswers;
}

/** What training did to held-out questions, with a verdict by what the model answers: margins and log-probabilities only explain it. */
export function demoReport(before: DemoStep, after: DemoStep, prompts: readonly TokenPrompt[]): string {
  const row = (name: string, a: string, b: string) => `${name.padEnd(36)} ${a.padStart(9)} ${b.padStart(9)}`;
  const numbers = (name: string, a: number, b: number) => row(name, a.toFixed(3), b.toFixed(3));
  const [first, then] = [before.evaluation, after.evaluation];
  return [
    row('AlphaPO, held-out questions', 'before', 'after'),
    row(`right answers, of ${after.answers.judged} asked`, `${rightOf(before.answers)}`, `${rightOf(after.answers)}`),
    numbers('right answer preferred (share)', first.accuracy, then.accuracy),
    numbers('reward margin', first.margin, then.margin),
    numbers('log-probability per token, chosen', first.logProbChosen, then.logProbChosen),
    numbers('log-probability per token, rejected', first.logProbRejected, then.logProbRejected),
    '',
    ...changedAnswers(prompts, before.answers, after.answers, WIDTH),
    '',
    `Likelihood displacement: chosen ${signed(then.logProbChosen - first.logProbChosen)}, ` +
      `rejected ${signed(then.logProbRejected - first.logProbRejected)} nats per token.`,
    verdict(before.answers, after.answers),
  ].join('\n');
}

const rightOf = ({ right = 0, judged }: EvaluatedAnswers): number => Math.round(right * judged);

function verdict({ right: before = 0 }: EvaluatedAnswers, { right: after = 0 }: EvaluatedAnswers): string {
  const change = after - before;
  if (change > NOTICEABLE) return 'Verdict: better. The model answers more questions right by itself.';
  if (change < -NOTICEABLE) {
    return 'Verdict: worse. The model answers fewer questions right by itself, whatever the margin says.';
  }
  return 'Verdict: no better. The model answers about as many questions right as before.';
}

const signed = (x: number) => (x >= 0 ? `+${x.toFixed(3)}` : x.toFixed(3));
