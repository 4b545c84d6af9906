import { AlphapoError, memoryLimit } from '@alphapo/base';
import { readAdapter } from '@alphapo/checkpoints';
import {
  type Adjustment,
  DEFAULT_ANSWER_TOKENS,
  type ExecutionProvider,
  type ResolvedRun,
  type RunSettings,
  type RunSpecification,
  resolveRun,
} from '@alphapo/contracts';
import { ModelFolder } from '@alphapo/engine';
import { CALL_PROMPTS, readEvaluationPrompts } from '@alphapo/evaluation';
import type { TokenPrompt } from '@alphapo/generation';
import { runFacts } from '@alphapo/models';
import { identifyRun, type SavedDtype } from '@alphapo/optimizer';
import { TokenizerPool } from '@alphapo/tokenization';
import type { DataSource } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { type DataReport, summarizeData } from './data-summary.ts';
import { type DataPair, type RejectedRecord, readDataset } from './dataset.ts';
import { decodePairs } from './decoded-pair.ts';
import { holdOut, type Split, sharedPrompts } from './hold-out.ts';
import { fitMemory, planInWay } from './memory.ts';
import { memoryPlanner, type Planned } from './memory-planner.ts';
import { type GivenCommand, runIdentityOf } from './run-identity.ts';
import type { TrainPlan } from './train.ts';

/** What `train` is asked for, besides the settings of the run. */
export interface TrainRequest {
  readonly model: string;
  readonly referenceModel: string | undefined;
  /** Files, folders, or data sets of a hub. */
  readonly data: readonly string[];
  /** How `data` and `evalData` are read; as they are, where undefined. */
  readonly source?: DataSource;
  readonly out: string;
  readonly evalData: readonly string[];
  readonly evalFraction: number | undefined;
  /** File of prompts that the policy answers. */
  readonly evalPrompts?: string | undefined;
  /** Longest answer to them, in tokens; `DEFAULT_ANSWER_TOKENS` where absent. */
  readonly evalMaxTokens?: number | undefined;
  readonly evalEvery: number;
  /** Ends the run at the first sign that it has broken its model. */
  readonly stopOnCollapse?: boolean;
  readonly initAdapter: string | undefined;
  readonly chatTemplate: string | undefined;
  /** What the result names as its base model; what is known of the folder where undefined. */
  readonly baseModelName?: string | undefined;
  readonly shuffle: boolean;
  readonly strict: boolean;
  readonly resume: boolean;
  readonly device: ExecutionProvider;
  readonly threads: number | undefined;
  readonly checkpointEvery: number;
  /** How whole models are stored; as the base model is where undefined. */
  readonly savedDtype: SavedDtype | undefined;
  /** Bytes; those of the container or the machine where undefined. */
  readonly memoryLimit: number | undefined;
  /** Remembered in the run's folder, for `resume`; undefined where no person gave one. */
  readonly command?: GivenCommand | undefined;
}

/** Reads model, adapter and data, and works out the run. Nothing has been started or written yet. */
export async function planTraining(request: TrainRequest, settings: RunSettings): Promise<TrainPlan> {
  if (request.savedDtype !== undefined && !settings.full) throw adapterDtype();
  const model = await ModelFolder.open(request.model);
  // A run continues with its original settings, even if defaults have changed.
  const begun = request.resume ? (await runIdentityOf(request.out))?.specification : undefined;
  const withAdapter = resumedSettings(await adapterSettings(settings, request.initAdapter), begun);
  const { lengths } = resolveRun(withAdapter, runFacts(model.definition, 1)).specification;
  await using tokenizer = await TokenizerPool.open(request.model, { chatTemplate: request.chatTemplate });
  const ignoreFields = request.source?.columns.ignoreFields ?? [];
  const read = (places: readonly string[]) =>
    readDataset(readPlaces(places, request.source), tokenizer, { ...lengths, ignoreFields });
  const [data, evalData] = [await read(request.data), await read(request.evalData)];
  const rejected = [...data.rejected, ...evalData.rejected];
  if (request.strict && rejected.length > 0) throw strictError(rejected);
  if (data.pairs.length === 0) throw noPairs(request.data, rejected);
  const split: Split<DataPair> =
    request.evalFraction === undefined
      ? { train: data.pairs, heldOut: evalData.pairs }
      : holdOut(data.pairs, request.evalFraction, settings.seed);
  const { train } = split;
  if (request.stopOnCollapse && request.evalPrompts === undefined && split.heldOut.length === 0) {
    throw noCollapse('needs something to see a collapse by, and no pair is held out; add --eval-prompts');
  }
  const [first] = train;
  const [decoded] = await decodePairs(tokenizer, train.slice(0, 1));
  const report: DataReport = {
    ...summarizeData({ pairs: data.pairs, rejected }),
    chatTemplate: tokenizer.description.chatTemplate,
    example: first && decoded && { id: first.id, ...decoded },
  };
  const asResolved = resolveRun(withAdapter, runFacts(model.definition, train.length));
  const { specification: resolved, adjustments } = withWarmupOf(begun, asResolved);
  const totalPairs =
    settings.steps === undefined
      ? Math.max(1, Math.round(train.length * (settings.epochs ?? 1)))
      : settings.steps * resolved.batch.pairs;
  const rows = train.map(({ prompt, chosen, rejected: other }) => ({ prompt, responses: [chosen, other] }));
  const limit = request.memoryLimit ?? memoryLimit();
  const prompts = await evaluationPrompts(request);
  const maxAnswerTokens = request.evalMaxTokens ?? DEFAULT_ANSWER_TOKENS;
  const planned = { ...resolved, device: request.device, answers: answersOf(prompts, maxAnswerTokens) };
  const planner = memoryPlanner(model, planned, rows);
  const { compute, plan: memory } =
    begun === undefined
      ? fitMemory(planner, { specification: planned, settings: withAdapter }, limit)
      : planInWay(planner, begun.compute, withAdapter);
  const specification = { ...resolved, compute };
  const { id } = await identifyRun(specification, model, request.referenceModel);
  return {
    model: request.model,
    referenceModel: request.referenceModel,
    specification,
    runId: id,
    folder: request.out,
    initialAdapter: request.initAdapter,
    chatTemplate: request.chatTemplate,
    baseModelName: request.baseModelName,
    ignoreFields,
    device: request.device,
    threads: request.threads,
    checkpointEvery: request.checkpointEvery,
    savedDtype: request.savedDtype ?? 'as-stored',
    train,
    rejected: data.rejected,
    heldOut: split.heldOut,
    evaluation: {
      every: request.evalEvery,
      pairs: split.heldOut,
      prompts,
      maxAnswerTokens,
      stopOnCollapse: request.stopOnCollapse ?? false,
    },
    shuffle: request.shuffle,
    totalPairs,
    datasets: datasetsOf([...request.data, ...request.evalData]),
    resume: request.resume,
    memory,
    memoryLimit: limit,
    data: report,
    notes: [...adjustments.map(({ message }) => message), ...splitNotes(split, request)],
    command: request.command,
  };
}

/** Errors: those of `readEvaluationPrompts`; INVALID_SETTING where a collapse could not be seen. */
async function evaluationPrompts(request: TrainRequest): Promise<readonly TokenPrompt[]> {
  const { model, chatTemplate, evalPrompts, evalData, evalFraction, evalEvery, stopOnCollapse } = request;
  if (stopOnCollapse) {
    if (evalPrompts === undefined && evalData.length === 0 && evalFraction === undefined) {
      throw noCollapse('needs something to see a collapse by; add --eval-prompts, --eval-data or --eval-fraction');
    }
    if (evalEvery === 0) throw noCollapse('needs evaluations during the run; add --eval-every');
  }
  return evalPrompts === undefined ? [] : readEvaluationPrompts(evalPrompts, model, { chatTemplate });
}

/** What answering prompts takes; undefined where there are none. */
function answersOf(prompts: readonly TokenPrompt[], maxTokens: number): Planned['answers'] {
  if (prompts.length === 0) return undefined;
  const promptTokens = Math.max(...prompts.map(({ tokens }) => tokens.length));
  return { sequences: Math.min(CALL_PROMPTS, prompts.length), promptTokens, maxTokens };
}

function noCollapse(problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_SETTING', `stop-on-collapse: ${problem}`, {
    metadata: { setting: 'stop-on-collapse' },
  });
}

/** Data sets of a hub among places, as owner/name, each once. */
function datasetsOf(places: readonly string[]): string[] {
  const names = places.map((place) => /^hf:(?<name>[^@:]+)/.exec(place)?.groups?.name);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Where the settings leave the batch open, a run that is resumed keeps the one that it began with. */
function resumedSettings(settings: RunSettings, begun: RunSpecification | undefined): RunSettings {
  if (begun === undefined || settings.batchSize !== undefined) return settings;
  return { ...settings, batchSize: begun.batch.pairs, shards: Math.min(settings.shards, begun.batch.pairs) };
}

/** A run that began when a warm-up of all steps was taken as it was given keeps it. */
function withWarmupOf(begun: RunSpecification | undefined, resolved: ResolvedRun): ResolvedRun {
  const { specification, adjustments } = resolved;
  const isWarmup = ({ setting }: Adjustment) => setting === 'warmupSteps' || setting === 'warmupRatio';
  const asked = adjustments.find(isWarmup)?.asked;
  if (asked === undefined || begun?.schedule.warmupSteps !== asked) return resolved;
  return {
    specification: { ...specification, schedule: { ...specification.schedule, warmupSteps: asked } },
    adjustments: adjustments.filter((adjustment) => !isWarmup(adjustment)),
  };
}

/** What the split into training and held-out pairs is, where that is not plain from what was asked for. */
function splitNotes(split: Split<DataPair>, { evalFraction }: TrainRequest): string[] {
  const { train, heldOut } = split;
  if (evalFraction === undefined) {
    const shared = sharedPrompts(split);
    if (shared === 0) return [];
    const prompts = shared === 1 ? '1 prompt of --eval-data is' : `${shared} prompts of --eval-data are`;
    return [`${prompts} also in the training data; held-out results for such pairs say little about new prompts`];
  }
  const pairs = train.length + heldOut.length;
  const wanted = pairs * evalFraction;
  if (heldOut.length === wanted) return [];
  return [
    `eval-fraction: ${heldOut.length} of ${pairs} pairs held out (${percent(heldOut.length / pairs)}, asked for: ${percent(evalFraction)}); ` +
      'pairs with the same prompt stay together, and at least one pair is held out',
  ];
}

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;

/** A given adapter decides rank, alpha and targets, unless the settings say so explicitly (and then must agree). */
async function adapterSettings(settings: RunSettings, adapterFolder: string | undefined): Promise<RunSettings> {
  if (adapterFolder === undefined) return settings;
  if (settings.full) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_SETTING',
      'init-adapter: --full trains no adapter; remove one of the two',
    );
  }
  const { rank, alpha, targets } = await readAdapter(adapterFolder);
  return { ...settings, loraRank: rank, loraAlpha: alpha, loraTargets: [...targets] };
}

function adapterDtype(): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'INVALID_SETTING',
    'save-dtype: applies to whole models (--full); adapters are always stored in float32',
    { metadata: { setting: 'save-dtype' } },
  );
}

function strictError(rejected: readonly RejectedRecord[]): AlphapoError {
  const [first] = rejected;
  return new AlphapoError(
    'invalid-argument',
    'BAD_RECORDS',
    `${rejected.length} records were rejected, first ${first?.origin}: ${first?.message}. Correct them, or omit --strict to skip them`,
  );
}

function noPairs(files: readonly string[], rejected: readonly RejectedRecord[]): AlphapoError {
  const [first] = rejected;
  const why = first === undefined ? 'no records' : `${rejected.length} bad ones; ${first.origin}: ${first.message}`;
  return new AlphapoError('invalid-argument', 'NO_PAIRS', `${files.join(', ')}: no pair to train on (${why})`);
}
