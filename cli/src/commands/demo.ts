import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunSettings, runSettingsSchema } from '@alphapo/contracts';
import { Command } from 'commander';
import { emptyDemoFolder } from '../demo/demo-folder.ts';
import { type Question, questions } from '../demo/questions.ts';
import { type DemoStep, demoReport } from '../demo/report.ts';
import { count } from '../numbers.ts';
import { planTraining, type TrainRequest } from '../training/plan.ts';
import type { TrainPlan, TrainSummary } from '../training/train.ts';
import { initModel, TINY_CONFIG } from './init-model.ts';
import { trainAndReport } from './train.ts';

const TRAIN_QUESTIONS = 4000;
const HELD_OUT_QUESTIONS = 400;
/** Held-out questions that the model is asked. */
const ASKED_QUESTIONS = 100;
/** An answer has about twelve bytes; a longer one is wrong. */
const ANSWER_TOKENS = 24;

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
      process.stdout.write(`${report(await runDemo(out, seed), out)}\n`);
    });
}

/** A run of the demo. */
interface DemoRun {
  readonly plan: TrainPlan;
  readonly summary: TrainSummary;
}

/** The demo's two runs; returns the second one, AlphaPO, which is evaluated on questions that neither has seen. */
async function runDemo(out: string, seed: number): Promise<DemoRun> {
  await emptyDemoFolder(out);
  const all = questions(TRAIN_QUESTIONS + HELD_OUT_QUESTIONS, seed);
  const heldOut = all.slice(TRAIN_QUESTIONS);
  const [train, evaluation, asked] = ['train.jsonl', 'held-out.jsonl', 'questions.jsonl'].map((name) =>
    join(out, name),
  ) as [string, string, string];
  await writeFile(train, lines(all.slice(0, TRAIN_QUESTIONS)));
  await writeFile(evaluation, lines(heldOut));
  await writeFile(asked, lines(heldOut.slice(0, ASKED_QUESTIONS).map(promptOf)));
  const fresh = join(out, 'model');
  await initModel(fresh, TINY_CONFIG, seed);
  const run = (name: string, model: string, settings: Partial<RunSettings>, evalPrompts?: string) =>
    step(
      name,
      { ...REQUEST, model, data: [train], evalData: [evaluation], evalPrompts, out: join(out, name) },
      { ...settings, seed },
    );
  await run('sft', fresh, SFT);
  return run('alphapo', join(out, 'sft', 'model'), ALPHAPO, asked);
}

const promptOf = ({ id, prompt, chosen }: Question) => ({ id, prompt, answer: chosen });

const REQUEST: Omit<TrainRequest, 'model' | 'data' | 'evalData' | 'out'> = {
  evalFraction: undefined,
  evalMaxTokens: ANSWER_TOKENS,
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
  learningRate: 2e-3,
  batchSize: 32,
  shards: 1,
  epochs: 3,
};

async function step(name: string, request: TrainRequest, settings: Partial<RunSettings>): Promise<DemoRun> {
  process.stderr.write(`\n--- ${name}\n`);
  const plan = await planTraining(request, runSettingsSchema.parse(settings));
  return { plan, summary: await trainAndReport(plan, 'error', { showAnswers: false }) };
}

const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

function report({ plan, summary: { evaluations } }: DemoRun, out: string): string {
  const [before, after] = [evaluations.at(0), evaluations.at(-1)] as [DemoStep, DemoStep];
  const [model, adapter] = [join(out, 'sft', 'model'), join(out, 'alphapo', 'adapter')];
  return [
    '',
    demoReport(before, after, plan.evaluation.prompts),
    `The adapter is ${adapter}, for the model in ${model}; numbers and settings are in ${join(out, 'alphapo', 'summary.json')}.`,
    `Ask it yourself: alphapo generate --model ${model} --adapter ${adapter} --prompt "Last letter of table? "`,
  ].join('\n');
}
