import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunSettings, runSettingsSchema } from '@alphapo/contracts';
import { Command } from 'commander';
import { askQuestions } from '../demo/answers.ts';
import { emptyDemoFolder } from '../demo/demo-folder.ts';
import { type Question, questions } from '../demo/questions.ts';
import { demoReport } from '../demo/report.ts';
import { count } from '../numbers.ts';
import { stopSignal } from '../stop-signal.ts';
import { planTraining, type TrainRequest } from '../training/plan.ts';
import type { TrainSummary } from '../training/train.ts';
import { initModel, TINY_CONFIG } from './init-model.ts';
import { trainAndReport } from './train.ts';

const TRAIN_QUESTIONS = 4000;
const HELD_OUT_QUESTIONS = 400;
/** Held-out questions that the model is asked. */
const ASKED_QUESTIONS = 100;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('try everything without a download, in a minute or two')
    .description(
      'Try everything without a download: creates a tiny model, teaches it simple questions by supervised fine-tuning, ' +
        'then trains it with AlphaPO to prefer right answers. Takes a minute or two.',
    )
    .option('--out <folder>', 'output folder; files of an earlier demo are removed', 'out/demo')
    .option('--seed <number>', 'random seed of questions and weights', count, 42)
    .action(async ({ out, seed }: { out: string; seed: number }) => {
      const { summary, heldOut } = await runDemo(out, seed);
      process.stdout.write(`${await report(summary, heldOut, out)}\n`);
    });
}

/** The demo's two runs; returns what the second one, AlphaPO, came to, and the questions that neither has seen. */
async function runDemo(out: string, seed: number): Promise<{ summary: TrainSummary; heldOut: readonly Question[] }> {
  await emptyDemoFolder(out);
  const all = questions(TRAIN_QUESTIONS + HELD_OUT_QUESTIONS, seed);
  const [train, evaluation] = [join(out, 'train.jsonl'), join(out, 'held-out.jsonl')];
  const heldOut = all.slice(TRAIN_QUESTIONS);
  await writeFile(train, lines(all.slice(0, TRAIN_QUESTIONS)));
  await writeFile(evaluation, lines(heldOut));
  const fresh = join(out, 'model');
  await initModel(fresh, TINY_CONFIG, seed);
  const run = (name: string, model: string, settings: Partial<RunSettings>) =>
    step(
      name,
      { ...REQUEST, model, data: [train], evalData: [evaluation], out: join(out, name) },
      { ...settings, seed },
    );
  await run('sft', fresh, SFT);
  return { summary: await run('alphapo', join(out, 'sft', 'model'), ALPHAPO), heldOut };
}

const REQUEST: Omit<TrainRequest, 'model' | 'data' | 'evalData' | 'out'> = {
  evalFraction: undefined,
  evalEvery: 0,
  initAdapter: undefined,
  referenceModel: undefined,
  chatTemplate: undefined,
  shuffle: true,
  strict: true,
  resume: false,
  device: 'cpu',
  threads: undefined,
  checkpointEvery: 1000,
  savedDtype: undefined,
  memoryLimit: undefined,
};

const SFT: Partial<RunSettings> = {
  objective: 'sft',
  full: true,
  learningRate: 2e-3,
  batchSize: 32,
  shards: 1,
  steps: 70,
};
/**
 * By itself AlphaPO only widens the margin: in this short run both answers become so unlikely that the model says neither. The
 * likelihood of the right answers, as a second term, keeps them: bench/results/demo.md has what the model answers then.
 */
const ALPHAPO: Partial<RunSettings> = {
  objective: 'alphapo',
  nllWeight: 1,
  loraRank: 16,
  learningRate: 1e-3,
  batchSize: 32,
  shards: 1,
  epochs: 2,
};

async function step(name: string, request: TrainRequest, settings: Partial<RunSettings>): Promise<TrainSummary> {
  process.stderr.write(`\n--- ${name}\n`);
  return trainAndReport(await planTraining(request, runSettingsSchema.parse(settings)), 'error');
}

const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

async function report({ evaluations }: TrainSummary, heldOut: readonly Question[], out: string): Promise<string> {
  const [before, after] = [evaluations.at(0)?.evaluation, evaluations.at(-1)?.evaluation];
  if (before === undefined || after === undefined) return 'no evaluation';
  const [model, adapter] = [join(out, 'sft', 'model'), join(out, 'alphapo', 'adapter')];
  const answers = await askQuestions(heldOut.slice(0, ASKED_QUESTIONS), { model, adapter, signal: stopSignal() });
  return [
    '',
    demoReport(before, after, answers),
    `The adapter is ${adapter}, for the model in ${model}; numbers and settings are in ${join(out, 'alphapo', 'summary.json')}.`,
    `Ask it yourself: alphapo generate --model ${model} --adapter ${adapter} --prompt "Last letter of table? "`,
  ].join('\n');
}
