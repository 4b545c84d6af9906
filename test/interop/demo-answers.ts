import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main } from '@alphapo/cli';
import { runPython } from './python.ts';

/** How many held-out questions of the demo are answered right by transformers' greedy generation. */
export interface DemoAnswers {
  readonly questions: number;
  /** By the model before AlphaPO. */
  readonly before: number;
  /** With AlphaPO's adapter, loaded by PEFT. */
  readonly after: number;
  /** Changes of the mean log-probability per token of held-out answers, in nats. */
  readonly displacement: { readonly chosen: number; readonly rejected: number };
}

/** Runs the demo into a folder, unless it holds a finished one, and asks the two models. */
export async function demoAnswers(folder: string, seed: number, questions: number): Promise<DemoAnswers> {
  const summaryFile = join(folder, 'alphapo', 'summary.json');
  if (!existsSync(summaryFile)) await main(['node', 'alphapo', 'demo', '--out', folder, '--seed', String(seed)]);
  const answers = await runPython<{ questions: number; model: number; adapter: number }>(
    'greedy_answers.py',
    ...[join(folder, 'sft', 'model'), join(folder, 'held-out.jsonl'), String(questions)],
    join(folder, 'alphapo', 'adapter'),
  );
  const { evaluations } = JSON.parse(await readFile(summaryFile, 'utf8'));
  const [first, last] = [evaluations.at(0).evaluation, evaluations.at(-1).evaluation];
  return {
    questions: answers.questions,
    before: answers.model,
    after: answers.adapter,
    displacement: {
      chosen: last.logProbChosen - first.logProbChosen,
      rejected: last.logProbRejected - first.logProbRejected,
    },
  };
}
