import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, elementCount, messageOf } from '@alphapo/base';
import type { RunFacts } from '@alphapo/contracts';
import { parseStrictJson, readSmallFile } from '@alphapo/safetensors';
import type { ModelDefinition } from './definition.ts';
import { defaultLoraTargets } from './lora.ts';
import { missingModel } from './missing-model.ts';
import { modelFromConfig } from './registry.ts';

/** Configurations have a few kilobytes; what is longer is another file. */
const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/** The model that a folder's config.json defines. Errors: MODEL_NOT_FOUND, MODEL_CONFIG. */
export async function readModelDefinition(folder: string): Promise<ModelDefinition> {
  return modelFromConfig(await readConfig(folder));
}

async function readConfig(folder: string): Promise<unknown> {
  const file = join(folder, 'config.json');
  try {
    return parseStrictJson(await readSmallFile(file, MAX_CONFIG_BYTES), file);
  } catch (cause) {
    if (cause instanceof AlphapoError && cause.code === 'data-loss') {
      throw new AlphapoError('failed-precondition', 'MODEL_CONFIG', cause.message, { cause });
    }
    if ((await lstat(file).catch(() => undefined)) === undefined) throw await missingModel(folder, cause);
    const message = `cannot read ${file}: ${messageOf(cause)}. Use the folder of a Hugging Face model`;
    throw new AlphapoError('not-found', 'MODEL_NOT_FOUND', message, { cause });
  }
}

/** What the defaults of a run depend on. `pairs`: those of one epoch, where known. */
export function runFacts(model: ModelDefinition, pairs: number | undefined): RunFacts {
  return {
    maxPositions: model.maxPositions,
    linearLayers: defaultLoraTargets(model),
    parameterCount: model.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    pairs,
  };
}
