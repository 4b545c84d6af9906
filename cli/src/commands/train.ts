import { AlphapoError } from '@alphapo/base';
import { DEFAULT_ANSWER_TOKENS, type ExecutionProvider, REFERENCE_OBJECTIVES } from '@alphapo/contracts';
import type { SavedDtype } from '@alphapo/optimizer';
import { createLogger, type LogLevel } from '@alphapo/telemetry';
import { CHAT_TEMPLATE_CHOICES } from '@alphapo/tokenization';
import { Command, Option } from 'commander';
import { addDataOptions, DATA_PLACES, type DataValues, dataSourceOf } from '../data-options.ts';
import { deviceOption } from '../device.ts';
import { examples } from '../help.ts';
import { modelFolder } from '../model-place.ts';
import { bytes, count, positive, share } from '../numbers.ts';
import { requireWritableFolder } from '../places.ts';
import { describeRate } from '../progress-bar.ts';
import { completeCommand } from '../remembered-command.ts';
import { addSettingsOptions } from '../settings.ts';
import { stopSignal, trainingProgress } from '../terminal.ts';
import { counted, describeData, describePair, describeTemplate } from '../training/data-summary.ts';
import { changedAnswers, describeEvaluation } from '../training/evaluation-lines.ts';
import { describeCompute, describePlan, sizeOf } from '../training/memory.ts';
import { planTraining, type TrainRequest } from '../training/plan.ts';
import { type TrainPlan, type TrainSummary, train } from '../training/train.ts';

const DESCRIPTION = `Train a model on preference pairs on this machine.

Runs tokenizer, scorer and optimizer in this process, with an event log in the run's folder instead of Kafka. Writes to
--out:

  adapter/ or model/  the result: a PEFT adapter, or (with --full) a Hugging Face model folder
  checkpoints/        --resume continues from here, to the bit
  steps.jsonl         one line per optimizer step
  evaluations.jsonl   one line per evaluated step
  rejected.jsonl      records that could not be trained on, with file, line and reason
  summary.json        settings, held-out results, speed

Data: .jsonl, .json, .csv, .tsv, .parquet, each with gzip or zstd, folders of them, or hf:owner/name; prompt/chosen/rejected as
text or chat messages, implicit prompts, ShareGPT, or token ids (prompt_ids, chosen_ids, rejected_ids).

The --config file may contain any of these options, by name: "learning-rate: 5e-6", "data: [a.jsonl, b.jsonl]".`;

const EXAMPLES = `
Examples:
  alphapo train --model ./mistral-7b-instruct --data pairs.jsonl --eval-fraction 0.05 --out run
  alphapo train --model ./tiny --data a.jsonl.gz b.jsonl.gz --full --learning-rate 1e-4 --epochs 2 --out run
  alphapo train --config run.yaml
  alphapo train --resume --out run`;

/** Options of `train` beside the run's settings, as they come from the command line, a file, or the run that is resumed. */
interface TrainOptions extends Record<string, unknown>, DataValues {
  readonly model: string;
  readonly data: string[];
  readonly out: string;
  readonly evalData?: string[];
  readonly evalFraction?: number;
  readonly evalPrompts?: string;
  readonly evalMaxTokens: number;
  readonly stopOnCollapse?: boolean;
  readonly evalEvery: number;
  readonly initAdapter?: string;
  readonly referenceModel?: string;
  readonly chatTemplate?: string;
  readonly baseModelName?: string;
  readonly shuffle: boolean;
  readonly strict?: boolean;
  readonly resume?: boolean;
  readonly device: ExecutionProvider;
  readonly threads?: number;
  readonly checkpointEvery: number;
  readonly saveDtype?: SavedDtype;
  readonly memoryLimit?: number;
  readonly logLevel: LogLevel;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .summary('train a model on preference pairs on this machine')
    .description(DESCRIPTION)
    .optionsGroup('Model and data:')
    .option(
      '--model <folder>',
      'Hugging Face model folder (config.json, safetensors, tokenizer.json), or owner/name on the hub',
    )
    .option('--data <places...>', DATA_PLACES)
    .option('--out <folder>', 'output folder')
    .option('--config <file>', 'YAML file with any of these options; the command line overrides it')
    .option('--resume', 'continue the run in --out; needs no other option')
    .option('--chat-template <name>', CHAT_TEMPLATE_CHOICES)
    .option(
      '--base-model-name <name>',
      "name of the base model in the result: owner/name, owner/name@revision or a path (default: the hub's name if known)",
    )
    .option('--init-adapter <folder>', 'PEFT adapter to start from; sets rank, alpha and targets')
    .option(
      '--reference-model <folder>',
      `reference model of ${REFERENCE_OBJECTIVES} (default: the model before training)`,
    )
    .optionsGroup('How records are read:')
    .option('--no-shuffle', 'keep the order of the files')
    .option('--strict', 'stop at the first record that cannot be trained on');
  addDataOptions(command)
    .optionsGroup('Evaluation:')
    .option('--eval-data <files...>', 'held-out pairs')
    .option('--eval-fraction <share>', 'fraction of the data to hold out', share)
    .option(
      '--eval-prompts <file>',
      'prompts that the model answers at every evaluation, each perhaps with a right answer',
    )
    .option('--eval-max-tokens <n>', 'maximum tokens of an answer to --eval-prompts', positive, DEFAULT_ANSWER_TOKENS)
    .option('--stop-on-collapse', 'end the run when answers get worse, and keep the best policy before')
    .option('--eval-every <steps>', 'also evaluate every N steps; 0: only before and after', count, 0);
  return addSettingsOptions(command)
    .optionsGroup('Machine and output:')
    .addOption(deviceOption())
    .option('--threads <n>', 'number of CPU threads (default: all cores)', positive)
    .option(
      '--memory-limit <size>',
      "memory limit, e.g. 12GB; chooses pack size, packed weights and recomputation to fit (default: the container's or machine's memory)",
      bytes,
    )
    .addOption(
      new Option(
        '--save-dtype <type>',
        'data type of the model that --full writes (default: as the model is stored)',
      ).choices(['as-stored', 'float32', 'bfloat16', 'float16']),
    )
    .option('--checkpoint-every <steps>', 'steps between checkpoints', positive, 50)
    .optionsGroup('Other options:')
    .addOption(
      new Option('--log-level <level>', "level of the services' log on standard error")
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('error'),
    )
    .addHelpText('after', examples(EXAMPLES))
    .action(run);
}

async function run(_: unknown, command: Command): Promise<void> {
  const { options, settings, given } = await completeCommand<TrainOptions>(command, ['model', 'data', 'out']);
  if (options.evalData !== undefined && options.evalFraction !== undefined) {
    throw new AlphapoError('invalid-argument', 'INVALID_SETTING', 'give --eval-data or --eval-fraction, not both');
  }
  const source = await dataSourceOf(options);
  await requireWritableFolder(options.out, '--out');
  const request: TrainRequest = {
    model: await modelFolder(options.model, source.hub),
    referenceModel:
      options.referenceModel &&
      (await modelFolder(options.referenceModel, source.hub, { option: '--reference-model' })),
    data: options.data,
    source,
    out: options.out,
    evalData: options.evalData ?? [],
    evalFraction: options.evalFraction,
    evalPrompts: options.evalPrompts,
    evalMaxTokens: options.evalMaxTokens,
    evalEvery: options.evalEvery,
    stopOnCollapse: options.stopOnCollapse ?? false,
    initAdapter: options.initAdapter,
    chatTemplate: options.chatTemplate,
    baseModelName: options.baseModelName,
    shuffle: options.shuffle,
    strict: options.strict ?? false,
    resume: options.resume ?? false,
    device: options.device,
    threads: options.threads,
    checkpointEvery: options.checkpointEvery,
    savedDtype: options.saveDtype,
    memoryLimit: options.memoryLimit,
    command: given,
  };
  await trainAndReport(await planTraining(request, settings), options.logLevel);
}

/** Characters of a line on standard error. */
const lineWidth = (): number => process.stderr.columns ?? 120;

/** How a whole model was stored, and whether rounding left anything of what was learned. */
function describeWeights({ weights }: TrainSummary): string {
  if (weights === undefined) return '';
  const types = weights.dataTypes.map((type) => TYPE_NAMES[type]).join(' and ');
  const share = (100 * weights.changedWeights) / weights.weights;
  if (weights.changedWeights === 0) {
    return ` as ${types}; no weight differs from the base model, because the updates are smaller than its precision; --save-dtype float32 keeps them`;
  }
  return ` as ${types} (${share.toPrecision(3)} % of its weights changed)`;
}

const TYPE_NAMES = { f64: 'float64', f32: 'float32', bf16: 'bfloat16', f16: 'float16' } as const;

/** Runs a plan with a progress bar, and says at the end what came of it. */
export async function trainAndReport(
  plan: TrainPlan,
  logLevel: LogLevel,
  { showAnswers = true }: { readonly showAnswers?: boolean } = {},
): Promise<TrainSummary> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { schedule, batch, method, objective } = plan.specification;
  for (const line of describeData(plan.data)) say(line);
  for (const line of describeTemplate(plan.data.chatTemplate, plan.data)) say(line);
  if (plan.data.example !== undefined) for (const line of describePair(plan.data.example, lineWidth())) say(line);
  say(
    `${counted(plan.train.length, 'pair')} to train on, ${plan.heldOut.length} held out, ${plan.rejected.length} refused; ` +
      `${counted(schedule.totalSteps, 'step')} of ${counted(batch.pairs, 'pair')}; ${objective.kind}, ${method.kind}`,
  );
  say(
    `memory: about ${sizeOf(plan.memory.totalBytes)} of ${sizeOf(plan.memoryLimit)} (${describePlan(plan.memory)}); ${describeCompute(plan.specification.compute)}`,
  );
  const { maxLength, maxPromptLength } = plan.specification.lengths;
  const { truncated } = plan.data;
  if (truncated > 0)
    say(`${truncated} pairs are cut to ${maxPromptLength} prompt tokens and ${maxLength} tokens in all`);
  for (const note of plan.notes) say(note);
  const progress = trainingProgress(schedule.totalSteps);
  const summary = await train(
    plan,
    {
      onStep: (step) => progress.step(step),
      onEvaluating: (what) => progress.doing(what),
      onEvaluation: (evaluated) => {
        for (const line of describeEvaluation(evaluated)) progress.note(line);
      },
      onWarning: ({ step, text }) => progress.note(`warning, after ${counted(step, 'step')}: ${text}`),
    },
    createLogger({ service: 'alphapo', level: logLevel }),
    stopSignal(),
  ).finally(() => progress.stop());
  const { pairs, artefact, pairsPerSecond, peakMemoryMb, evaluations, collapsed, resultStep } = summary;
  const [first, last] = [evaluations.at(0), evaluations.findLast(({ step }) => step <= resultStep)].map(
    (one) => one?.answers,
  );
  if (showAnswers && first !== undefined && last !== undefined) {
    for (const line of changedAnswers(plan.evaluation.prompts, first, last, lineWidth())) say(line);
  }
  if (collapsed !== undefined) {
    say(`the model collapsed at step ${collapsed.step}: ${collapsed.text}`);
    say(
      resultStep < collapsed.step
        ? `the run ended, and its result is the policy of step ${resultStep}, the best one before`
        : 'the run ended; its earlier policies were not kept, as --stop-on-collapse was not given then: the result is the collapsed one',
    );
  }
  const rate = pairsPerSecond > 0 ? describeRate(pairsPerSecond) : 'none left to train';
  say(
    `${summary.steps} steps, ${rate}, peak memory ${peakMemoryMb.toFixed(0)} MB; ` +
      `wrote ${plan.folder}/${artefact}${describeWeights(summary)}${pairs.rejected > 0 ? `; ${pairs.rejected} records refused, see ${plan.folder}/rejected.jsonl` : ''}`,
  );
  return summary;
}
