import { AlphapoError, memoryLimit } from '@alphapo/base';
import { readAdapter } from '@alphapo/checkpoints';
import { type ExecutionProvider, type RunSettings, resolveRunSpecification } from '@alphapo/contracts';
import { ModelFolder } from '@alphapo/engine';
import { runFacts } from '@alphapo/models';
import { identifyRun } from '@alphapo/optimizer';
import { TokenizerPool } from '@alphapo/tokenization';
import type { DataSource } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { type DataPair, holdOut, type RejectedRecord, readDataset } from './dataset.ts';
import { fitMemory, memoryPlanner, planInWay } from './memory.ts';
import { runIdentityOf } from './run-folder.ts';
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
  readonly evalEvery: number;
  readonly initAdapter: string | undefined;
  readonly chatTemplate: string | undefined;
  readonly shuffle: boolean;
  readonly strict: boolean;
  readonly resume: boolean;
  readonly device: ExecutionProvider;
  readonly threads: number | undefined;
  readonly checkpointEvery: number;
  /** Bytes; those of the container or the machine where undefined. */
  readonly memoryLimit: number | undefined;
}

/** Reads model, adapter and data, and works out the run. Nothing has been started or written yet. */
export async function planTraining(request: TrainRequest, settings: RunSettings): Promise<TrainPlan> {
  const model = await ModelFolder.open(request.model);
  const withAdapter = await adapterSettings(settings, request.initAdapter);
  const { lengths } = resolveRunSpecification(withAdapter, runFacts(model.definition, 1));
  await using tokenizer = await TokenizerPool.open(request.model, { chatTemplate: request.chatTemplate });
  const data = await readDataset(readPlaces(request.data, request.source), tokenizer, lengths);
  const evalData = await readDataset(readPlaces(request.evalData, request.source), tokenizer, lengths);
  const rejected = [...data.rejected, ...evalData.rejected];
  if (request.strict && rejected.length > 0) throw strictError(rejected);
  const [train, evaluation] =
    request.evalFraction === undefined
      ? [data.pairs, evalData.pairs]
      : holdOut(data.pairs, request.evalFraction, settings.seed);
  if (train.length === 0) throw noPairs(request.data, rejected);
  const totalPairs =
    settings.steps === undefined
      ? Math.max(1, Math.round(train.length * (settings.epochs ?? 1)))
      : settings.steps * settings.batchSize;
  const resolved = resolveRunSpecification(withAdapter, runFacts(model.definition, train.length));
  const rows = train.map(({ prompt, chosen, rejected: other }) => ({ prompt, responses: [chosen, other] }));
  const limit = request.memoryLimit ?? memoryLimit();
  const planned = { ...resolved, device: request.device };
  const planner = memoryPlanner(model, planned, rows);
  // A run goes on as it began, whatever memory there is now.
  const begun = request.resume ? (await runIdentityOf(request.out))?.specification.compute : undefined;
  const { compute, plan: memory } =
    begun === undefined
      ? fitMemory(planner, { specification: planned, settings: withAdapter }, limit)
      : planInWay(planner, begun, withAdapter);
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
    device: request.device,
    threads: request.threads,
    checkpointEvery: request.checkpointEvery,
    train,
    rejected: data.rejected,
    evaluation: evaluation as readonly DataPair[],
    evaluateEvery: request.evalEvery,
    shuffle: request.shuffle,
    totalPairs,
    resume: request.resume,
    memory,
    memoryLimit: limit,
  };
}

/** A given adapter decides rank, alpha and targets, unless the settings say so explicitly (and then must agree). */
async function adapterSettings(settings: RunSettings, adapterFolder: string | undefined): Promise<RunSettings> {
  if (adapterFolder === undefined) return settings;
  if (settings.full) {
    throw new AlphapoError('invalid-argument', 'INVALID_SETTING', 'init-adapter: --full trains no adapter; drop one');
  }
  const { rank, alpha, targets } = await readAdapter(adapterFolder);
  return { ...settings, loraRank: rank, loraAlpha: alpha, loraTargets: [...targets] };
}

function strictError(rejected: readonly RejectedRecord[]): AlphapoError {
  const [first] = rejected;
  return new AlphapoError(
    'invalid-argument',
    'BAD_RECORDS',
    `${rejected.length} records cannot be trained on, the first is ${first?.origin}: ${first?.message}. Mend them, or leave out --strict to skip them`,
  );
}

function noPairs(files: readonly string[], rejected: readonly RejectedRecord[]): AlphapoError {
  const [first] = rejected;
  const why = first === undefined ? 'no records' : `${rejected.length} bad ones; ${first.origin}: ${first.message}`;
  return new AlphapoError('invalid-argument', 'NO_PAIRS', `${files.join(', ')}: no pair to train on (${why})`);
}
