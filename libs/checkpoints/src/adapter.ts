import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, type FloatTensor, type FloatTensors } from '@alphapo/base';
import type { TrainingMethod } from '@alphapo/contracts';
import {
  onFile,
  openSafetensors,
  parseStrictJson,
  readSmallFile,
  replaceFile,
  writeSafetensors,
} from '@alphapo/safetensors';
import { formatAdapterConfig, parseAdapterConfig, type WeightLayout } from './adapter-config.ts';
import { adaptedModules, checkTargets, targetsOf } from './adapter-tensors.ts';

const CONFIG_FILE = 'adapter_config.json';
const WEIGHTS_FILE = 'adapter_model.safetensors';
const MAX_CONFIG_BYTES = 2 ** 20;

export type LoraMethod = Extract<TrainingMethod, { kind: 'lora' }>;

/** Low-rank factors as a PEFT folder has them: W' = W + (alpha / rank) B A. */
export interface Adapter {
  readonly rank: number;
  readonly alpha: number;
  /** Names of the adapted modules, as in PEFT's `target_modules`. */
  readonly targets: readonly string[];
  /** By PEFT's names: `base_model.model.<module path>.lora_A.weight` [r, in], `lora_B` [out, r]. */
  readonly tensors: FloatTensors;
}

/**
 * Writes a PEFT adapter folder that transformers and vLLM load: the weights first, then the configuration.
 * `baseModelPath` is what a loader finds the base model by: a path or a name on the Hub, there at `baseModelRevision`. Throws INVALID_ADAPTER where
 * the tensors are not the LoRA factors that the method describes.
 */
export async function writeAdapter(
  folder: string,
  adapter: {
    readonly method: LoraMethod;
    readonly tensors: FloatTensors;
    readonly baseModelPath: string;
    readonly baseModelRevision?: string | undefined;
    readonly weightLayout: WeightLayout;
  },
): Promise<void> {
  const { method, tensors, baseModelPath, baseModelRevision, weightLayout } = adapter;
  const { rank, alpha, targets } = method;
  checkTargets(adaptedModules(tensors, rank, folder), targets, folder);
  const factors = [...tensors].map(([name, { shape, data }]) => ({ name, dtype: 'f32', shape, data }) as const);
  await writeSafetensors(join(folder, WEIGHTS_FILE), factors, { format: 'pt' });
  const config = formatAdapterConfig({ rank, alpha, targets, baseModelPath, baseModelRevision, weightLayout });
  await replaceFile(join(folder, CONFIG_FILE), (handle) => handle.writeFile(config));
}

/**
 * Reads a PEFT adapter folder; 16-bit factors are widened. Throws FILE_NOT_FOUND, UNSUPPORTED_ADAPTER naming the field
 * of the configuration that is not honoured, or INVALID_ADAPTER where tensors and configuration disagree.
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  const configFile = join(folder, CONFIG_FILE);
  const config = parseAdapterConfig(
    parseStrictJson(await readSmallFile(configFile, MAX_CONFIG_BYTES), configFile),
    configFile,
  );
  const tensors = await readFactors(folder);
  const modules = adaptedModules(tensors, config.r, folder);
  const targets = config.target_modules === 'all-linear' ? targetsOf(modules) : config.target_modules;
  checkTargets(modules, targets, folder);
  return { rank: config.r, alpha: config.lora_alpha, targets, tensors };
}

async function readFactors(folder: string): Promise<FloatTensors> {
  const names = await onFile(folder, () => readdir(folder));
  if (!names.includes(WEIGHTS_FILE) && names.includes('adapter_model.bin')) {
    throw new AlphapoError(
      'unimplemented',
      'UNSUPPORTED_ADAPTER',
      `${folder} has adapter_model.bin, a pickled file, but no ${WEIGHTS_FILE}; save it again with PEFT's save_pretrained`,
    );
  }
  const archive = await openSafetensors(join(folder, WEIGHTS_FILE));
  const tensors = new Map<string, FloatTensor>();
  for (const [name, { shape }] of archive.tensors) tensors.set(name, { shape, data: await archive.read(name) });
  return tensors;
}
