import { printable } from '@alphapo/base';
import type { Evaluation } from '../training/evaluation.ts';
import type { DemoAnswers } from './answers.ts';

/** A change of the share of right answers that is more than chance. */
const NOTICEABLE = 0.05;
const SHOWN_CHARACTERS = 30;

/** What training did to held-out questions, with a verdict by what the model answers: margins and log-probabilities only explain it. */
export function demoReport(before: Evaluation, after: Evaluation, answers: DemoAnswers): string {
  const row = (name: string, a: string, b: string) => `${name.padEnd(36)} ${a.padStart(9)} ${b.padStart(9)}`;
  const numbers = (name: string, a: number, b: number) => row(name, a.toFixed(3), b.toFixed(3));
  return [
    row('AlphaPO, held-out questions', 'before', 'after'),
    row(`right answers, of ${answers.questions} asked`, `${answers.before}`, `${answers.after}`),
    numbers('right answer preferred (share)', before.accuracy, after.accuracy),
    numbers('reward margin', before.margin, after.margin),
    numbers('log-probability per token, chosen', before.logProbChosen, after.logProbChosen),
    numbers('log-probability per token, rejected', before.logProbRejected, after.logProbRejected),
    '',
    ...answers.examples.map(({ question, before: first, after: then }) =>
      `  ${shown(question)} before ${shown(first)} after ${shown(then)}`.trimEnd(),
    ),
    '',
    `Likelihood displacement: chosen ${signed(after.logProbChosen - before.logProbChosen)}, ` +
      `rejected ${signed(after.logProbRejected - before.logProbRejected)} nats per token.`,
    verdict(answers),
  ].join('\n');
}

function verdict({ questions, before, after }: DemoAnswers): string {
  const change = (after - before) / questions;
  if (change > NOTICEABLE) return 'Verdict: better. The model answers more questions right by itself.';
  if (change < -NOTICEABLE) {
    return 'Verdict: worse. The model answers fewer questions right by itself, whatever the margin says.';
  }
  return 'Verdict: no better. The model answers about as many questions right as before.';
}

const shown = (text: string): string => JSON.stringify(printable(text, SHOWN_CHARACTERS)).padEnd(SHOWN_CHARACTERS);

const signed = (x: number) => (x >= 0 ? `+${x.toFixed(3)}` : x.toFixed(3));
