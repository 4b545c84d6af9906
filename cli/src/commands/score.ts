import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { AlphapoError } from '@alphapo/base';
import { readAdapter } from '@alphapo/checkpoints';
import {
  type ExecutionProvider,
  needsReference,
  type Objective,
  objectiveSettings,
  REFERENCE_OBJECTIVES,
  resolveRunSpecification,
} from '@alphapo/contracts';
import {
  batchTotals,
  type Engine,
  ModelFolder,
  openEngine,
  type PairOutcome,
  type PolicyChoice,
  type SequenceLogProbs,
} from '@alphapo/engine';
import { nonFiniteScore, type WeightsToCheck, weightsOfModel, weightsOfTensors } from '@alphapo/evaluation';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { loadAdapter } from '@alphapo/policies';
import { CHAT_TEMPLATE_CHOICES, TokenizerPool } from '@alphapo/tokenization';
import { Command } from 'commander';
import { addDataOptions, DATA_PLACES, type DataValues, dataSourceOf } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { deviceOption } from '../device.ts';
import { modelFolder } from '../model-place.ts';
import { positive } from '../numbers.ts';
import { addSettingsOptions, readSettings } from '../settings.ts';
import { type DataPair, readDataset } from '../training/dataset.ts';

/** Pairs that are computed at a time. */
const BATCH_PAIRS = 64;

interface ScoreOptions extends Record<string, unknown>, DataValues {
  readonly model: string;
  readonly data: string[];
  readonly out: string;
  readonly adapter?: string;
  readonly referenceModel?: string;
  readonly perToken?: boolean;
  readonly chatTemplate?: string;
  readonly device: ExecutionProvider;
  readonly threads?: number;
  readonly objective?: string;
  readonly preset?: string;
}

export function scoreCommand(): Command {
  const command = new Command('score')
    .summary('compute log-probabilities of responses')
    .description(
      'Compute log-probabilities of the responses of pairs, in nats. Writes one JSON line per pair, {id, chosen: {sum, mean, tokens}, ' +
        'rejected: {…}}; with --objective also rewards, margin and loss (all pairs are one batch)',
    )
    .requiredOption('--model <folder>', 'Hugging Face model folder, or owner/name on the hub')
    .requiredOption('--data <places...>', DATA_PLACES)
    .requiredOption('--out <file>', 'output file; - for standard output')
    .option('--adapter <folder>', 'PEFT adapter to apply')
    .option('--reference-model <folder>', `reference model of ${REFERENCE_OBJECTIVES} (default: the model)`)
    .option('--per-token', 'also write the log-probability of every response token')
    .option('--chat-template <name>', CHAT_TEMPLATE_CHOICES)
    .addOption(deviceOption())
    .option('--threads <n>', 'number of CPU threads (default: all cores)', positive)
    .action(score);
  return addSettingsOptions(addDataOptions(command), SETTINGS);
}

const SETTINGS = [...Object.keys(objectiveSettings), 'maxLength', 'maxPromptLength', 'dtype'];

async function score(options: ScoreOptions): Promise<void> {
  const source = await dataSourceOf(options);
  const model = await modelFolder(options.model, source.hub);
  const facts = runFacts(await readModelDefinition(model), 1);
  const specification = resolveRunSpecification(await readSettings(undefined, options), facts);
  const objective = (options.objective ?? options.preset) === undefined ? undefined : specification.objective;
  if (options.referenceModel !== undefined && !(objective && needsReference(objective))) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_SETTING',
      `reference-model: choose an objective that compares with a reference: ${REFERENCE_OBJECTIVES} do, unless --reference is none`,
    );
  }
  await using tokenizer = await TokenizerPool.open(model, { chatTemplate: options.chatTemplate });
  const { pairs, rejected } = await readDataset(readPlaces(options.data, source), tokenizer, {
    ...specification.lengths,
    ignoreFields: options.ignoreFields ?? [],
  });
  await using engine = await openEngine(model, {
    executionProvider: options.device,
    dtype: specification.dtype,
    threads: options.threads,
    referenceModel:
      options.referenceModel &&
      (await modelFolder(options.referenceModel, source.hub, { option: '--reference-model' })),
  });
  const choice: PolicyChoice =
    options.adapter === undefined ? { kind: 'base' } : await loadAdapter(engine, options.adapter);
  const weights = () => weightsOf(options);
  const lines = scoreLines(engine, pairs, { choice, objective, perToken: options.perToken ?? false, weights });
  await pipeline(lines, options.out === '-' ? process.stdout : createWriteStream(options.out));
  for (const { origin, message } of rejected) process.stderr.write(`left out ${origin}: ${message}\n`);
  process.stderr.write(`scored ${pairs.length} pairs, left out ${rejected.length} records\n`);
}

/** The weights that a score comes from. */
async function weightsOf({ model, adapter, referenceModel }: ScoreOptions): Promise<WeightsToCheck[]> {
  const models = [model, ...(referenceModel === undefined ? [] : [referenceModel])];
  const adapters = adapter === undefined ? [] : [weightsOfTensors((await readAdapter(adapter)).tensors)];
  return [...adapters, ...(await Promise.all(models.map(async (one) => weightsOfModel(await ModelFolder.open(one)))))];
}

interface Scoring {
  readonly choice: PolicyChoice;
  readonly objective: Objective | undefined;
  readonly perToken: boolean;
  readonly weights: () => Promise<readonly WeightsToCheck[]>;
}

/** Errors: NON_FINITE_SCORE with the pair; the lines before it are written. */
async function* scoreLines(engine: Engine, pairs: readonly DataPair[], options: Scoring): AsyncGenerator<string> {
  const { choice, objective, perToken } = options;
  const scoring = objective === undefined ? {} : { objective, batch: batchTotals(pairs) };
  for (let start = 0; start < pairs.length; start += BATCH_PAIRS) {
    const batch = pairs.slice(start, start + BATCH_PAIRS);
    const outcomes = await engine.scorePairs(batch, choice, scoring);
    for (const [i, outcome] of outcomes.entries()) {
      const { id } = batch[i] as DataPair;
      const reward = objective !== undefined;
      if (!hasFiniteNumbers(outcome, reward)) throw await nonFiniteScore(id, await options.weights());
      yield `${JSON.stringify(lineOf(id, outcome, { perToken, reward }))}\n`;
    }
  }
}

function hasFiniteNumbers({ chosen, rejected, margin, loss }: PairOutcome, reward: boolean): boolean {
  return [chosen.sum, rejected.sum, ...(reward ? [margin, loss] : [])].every(Number.isFinite);
}

function lineOf(id: string, outcome: PairOutcome, options: { perToken: boolean; reward: boolean }): object {
  const side = ({ sum, mean, tokens, logProbs }: SequenceLogProbs) =>
    options.perToken ? { sum, mean, tokens, logProbs: [...logProbs] } : { sum, mean, tokens };
  const { rewardChosen, rewardRejected, margin, loss } = outcome;
  return {
    id,
    chosen: side(outcome.chosen),
    rejected: side(outcome.rejected),
    ...(options.reward ? { rewardChosen, rewardRejected, margin, loss } : {}),
  };
}
