import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, messageOf } from '@alphapo/base';
import type { RunFacts } from '@alphapo/contracts';
import type { ModelDefinition } from './definition.ts';
import { defaultLoraTargets } from './lora.ts';
import { modelFromConfig } from './registry.ts';

/** The model that a folder's config.json defines. Errors: MODEL_NOT_FOUND, MODEL_CONFIG. */
export async function readModelDefinition(folder: string): Promise<ModelDefinition> {
  const file = join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new AlphapoError(
      'not-found',
      'MODEL_NOT_FOUND',
      `cannot read ${file}: ${messageOf(error)}. Give the folder of a Hugging Face model`,
      { cause: error },
    );
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new AlphapoError('failed-precondition', 'MODEL_CONFIG', `${file} is no valid JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return modelFromConfig(config);
}

/** What the defaults of a run depend on. `pairs`: those of one epoch, where known. */
export function runFacts(model: ModelDefinition, pairs: number | undefined): RunFacts {
  return { maxPositions: model.maxPositions, linearLayers: defaultLoraTargets(model), pairs };
}
