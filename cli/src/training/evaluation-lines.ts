import { printable } from '@alphapo/base';
import type { Answer, EvaluatedAnswers, EvaluatedPairs, EvaluatedStep } from '@alphapo/contracts';
import type { TokenPrompt } from '@alphapo/generation';

/** A line about held-out pairs, one about answers. */
export function describeEvaluation({ step, evaluation, answers }: EvaluatedStep): string[] {
  return [
    ...(evaluation === undefined ? [] : [describePairs(step, evaluation)]),
    ...(answers === undefined ? [] : [describeAnswers(step, answers)]),
  ];
}

function describePairs(step: number, evaluation: EvaluatedPairs): string {
  const { pairs, accuracy, margin, marginMedian, loss, logProbChosen, logProbRejected } = evaluation;
  const median = marginMedian === undefined ? '' : ` (median ${marginMedian.toFixed(4)})`;
  return (
    `held out after ${step} steps (${pairs} pairs): accuracy ${percent(accuracy)}, margin ${margin.toFixed(4)}${median}, ` +
    `loss ${loss.toFixed(4)}, log-probability per token chosen ${logProbChosen.toFixed(4)}, rejected ${logProbRejected.toFixed(4)}`
  );
}

function describeAnswers(step: number, answers: EvaluatedAnswers): string {
  const { prompts, judged, right, tokens, ended, repetition, divergence } = answers;
  const share = right === undefined ? '' : `right ${percent(right)} (${Math.round(right * judged)} of ${judged}), `;
  return (
    `answers after ${step} steps (${prompts} prompts): ${share}${tokens.toFixed(1)} tokens, ended ${percent(ended)}, ` +
    `repetition ${percent(repetition)}, divergence from the base model ${divergence.toFixed(4)} nats per token`
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Answers that are shown. */
const MOST_EXAMPLES = 3;

/** A few answers that changed, first those that became right or wrong: the prompt, then a line before and a line after. */
export function changedAnswers(
  prompts: readonly TokenPrompt[],
  first: EvaluatedAnswers,
  last: EvaluatedAnswers,
  width: number,
): string[] {
  const changed = prompts.flatMap(({ text: prompt }, i) => {
    const [before, after] = [first.answers[i], last.answers[i]];
    return before === undefined || after === undefined || before.text === after.text ? [] : [{ prompt, before, after }];
  });
  const turned = changed.filter((one) => one.before.right !== one.after.right);
  const shown = [...turned, ...changed.filter((one) => !turned.includes(one))].slice(0, MOST_EXAMPLES);
  const line = (name: string, text: string) =>
    `  ${name} ${JSON.stringify(printable(text.trim(), width - name.length - 6))}`;
  const answerLine = (name: string, { text, right }: Answer) =>
    line(name + (right === undefined ? '' : right ? ' (right)' : ' (wrong)'), text);
  return shown.flatMap((one) => [
    line('prompt', one.prompt),
    answerLine('before', one.before),
    answerLine('after ', one.after),
  ]);
}
