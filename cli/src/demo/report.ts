import type { Evaluation } from '../training/evaluation.ts';

/** A change of a mean log-probability that is more than noise, in nats per token. */
const NOTICEABLE = 0.005;

/** What training did to held-out pairs, with a verdict in words. */
export function demoReport(before: Evaluation, after: Evaluation): string {
  const row = (name: string, a: number, b: number) =>
    `${name.padEnd(36)} ${a.toFixed(3).padStart(9)} ${b.toFixed(3).padStart(9)}`;
  return [
    `${'AlphaPO, held-out questions'.padEnd(36)} ${'before'.padStart(9)} ${'after'.padStart(9)}`,
    row('log-probability per token, chosen', before.logProbChosen, after.logProbChosen),
    row('log-probability per token, rejected', before.logProbRejected, after.logProbRejected),
    row('right answer preferred (share)', before.accuracy, after.accuracy),
    row('reward margin', before.margin, after.margin),
    '',
    `Likelihood displacement: chosen ${signed(after.logProbChosen - before.logProbChosen)}, ` +
      `rejected ${signed(after.logProbRejected - before.logProbRejected)} nats per token.`,
    ...verdict(before, after),
  ].join('\n');
}

/** Better only where right answers became more likely, too: a margin grows as well where both become unlikely. */
function verdict(before: Evaluation, after: Evaluation): string[] {
  const change = after.logProbChosen - before.logProbChosen;
  const preferred = after.accuracy - before.accuracy;
  const limits =
    'The margin compares two given answers. It does not show what the model answers by itself: to see that, load the adapter with transformers and PEFT.';
  if (change < -NOTICEABLE) {
    return [
      'Verdict: worse. Right answers became less likely. A larger margin only says that wrong answers lost more; the model may now say neither.',
      limits,
    ];
  }
  if (preferred <= 0) return ['Verdict: no better. Right answers are preferred no more often than before.', limits];
  const likely = change > NOTICEABLE ? 'became more likely' : 'stayed as likely';
  return [`Verdict: better. Right answers ${likely}, and are preferred to wrong ones more often.`, limits];
}

const signed = (x: number) => (x >= 0 ? `+${x.toFixed(3)}` : x.toFixed(3));
