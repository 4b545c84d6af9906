import { AlphapoError } from '@alphapo/base';
import {
  needsReference,
  REFERENCE_OBJECTIVES,
  type RunSettings,
  type RunSpecification,
  resolveRun,
  runSpecificationDigest,
} from '@alphapo/contracts';
import { type ModelDefinition, readModelDefinition, runFacts } from '@alphapo/models';
import { Command } from 'commander';
import { addHubOptions, type HubAccess, type HubValues, hubAccess } from '../hub-options.ts';
import { modelFolder } from '../model-place.ts';
import { readSettings } from '../settings.ts';

interface ValidateOptions extends HubValues {
  readonly config: string;
  readonly model?: string;
  readonly referenceModel?: string;
}

export function validateCommand(): Command {
  const command = new Command('validate')
    .summary('check the settings of a run')
    .description('Check the settings of a run; with --model, also that they fit the model')
    .requiredOption('--config <file>', 'YAML file with the run settings')
    .option('--model <folder>', 'Hugging Face model folder (config.json is enough), or owner/name on the hub')
    .option('--reference-model <folder>', `reference model of ${REFERENCE_OBJECTIVES}; config.json is enough`)
    .action(validate);
  return addHubOptions(command);
}

async function validate({ config, model, referenceModel, ...hub }: ValidateOptions): Promise<void> {
  const access = await hubAccess(hub);
  const settings = await readSettings(config, {});
  const definition = await definitionIn('--model', model, access);
  const { specification, adjustments } =
    definition === undefined ? withAnyModel(settings) : withModel(settings, definition);
  for (const { message } of adjustments) process.stderr.write(`${message}\n`);
  if (referenceModel !== undefined) requireReferenceWanted(specification);
  const reference = await definitionIn('--reference-model', referenceModel, access);
  if (reference !== undefined) requireFitting(reference, definition, specification);
  if (definition === undefined) {
    process.stdout.write(`${config}: valid; use --model to check that it fits a model\n`);
    return;
  }
  process.stdout.write(`${JSON.stringify(specification, undefined, 2)}\n${runSpecificationDigest(specification)}\n`);
}

async function definitionIn(
  option: '--model' | '--reference-model',
  place: string | undefined,
  access: HubAccess,
): Promise<ModelDefinition | undefined> {
  if (place === undefined) return undefined;
  const folder = await modelFolder(place, access, { option, needs: 'configuration' });
  return readModelDefinition(folder);
}

function withModel(settings: RunSettings, definition: ModelDefinition): ReturnType<typeof resolveRun> {
  return resolveRun(settings, runFacts(definition, undefined));
}

/** Finds mistakes in the settings that do not depend on model or data. */
function withAnyModel(settings: RunSettings): ReturnType<typeof resolveRun> {
  const facts = { maxPositions: Number.MAX_SAFE_INTEGER, linearLayers: ['q_proj'], parameterCount: 1 };
  return resolveRun(settings, { ...facts, pairs: settings.steps === undefined ? 1 : undefined });
}

function requireReferenceWanted({ objective }: RunSpecification): void {
  if (needsReference(objective)) return;
  throw referenceError('NO_REFERENCE', `the objective ${objective.kind} has no reference; remove the reference model`);
}

function requireFitting(
  reference: ModelDefinition,
  model: ModelDefinition | undefined,
  { lengths: { maxLength } }: RunSpecification,
): void {
  const { maxPositions, vocabularySize } = reference;
  if (maxPositions < maxLength) {
    throw referenceError(
      'REFERENCE_TOO_SHORT',
      `it has ${maxPositions} positions, fewer than max-length ${maxLength}: lower max-length`,
    );
  }
  if (model !== undefined && model.vocabularySize !== vocabularySize) {
    throw referenceError(
      'REFERENCE_VOCABULARY',
      `its vocabulary has ${vocabularySize} tokens, the model's has ${model.vocabularySize}; use a reference with the same tokenizer`,
    );
  }
}

function referenceError(reason: string, problem: string): AlphapoError {
  return new AlphapoError('failed-precondition', reason, `--reference-model: ${problem}`, {
    metadata: { setting: 'reference-model' },
  });
}
