import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Objective } from '@alphapo/contracts';
import type { PairTokens } from '@alphapo/engine';
import { sharedPath } from '../shared-data.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** Reference numbers in float64, computed by PyTorch; the README beside them says how. */

/** Families whose architecture is there. */
export const FAMILIES = ['llama', 'llama3-rope', 'mistral', 'gpt2'] as const;
export const LORA_FAMILIES = ['llama', 'mistral', 'gpt2'] as const;

interface Response {
  readonly response: readonly number[];
  readonly sum: number;
  readonly mean: number;
}

export interface GoldenObjective {
  readonly objective: string;
  readonly params: { readonly alpha?: number; readonly beta?: number; readonly gamma?: number };
  readonly reward_chosen: readonly number[];
  readonly reward_rejected: readonly number[];
  readonly margin: readonly number[];
  readonly loss_per_pair: readonly number[];
  readonly loss: number;
  readonly tolerance: { readonly loss_rel: Suggested; readonly reward_rel: Suggested };
}

interface Suggested {
  readonly suggested: number;
}

export interface Golden {
  readonly pairs: readonly (PairTokens & { readonly id: number })[];
  readonly logprobs: { readonly float64: readonly { readonly chosen: Response; readonly rejected: Response }[] };
  readonly reference: { readonly float64: readonly { chosen: { sum: number }; rejected: { sum: number } }[] } | null;
  readonly objectives: readonly GoldenObjective[];
  readonly gradient: {
    readonly params: { readonly alpha: number; readonly beta: number; readonly gamma: number };
    readonly loss: number;
    readonly grad_norm: number;
  };
  readonly objective_gradients:
    | readonly {
        readonly objective: string;
        readonly params: GoldenObjective['params'];
        readonly dloss_dsum: readonly (readonly [number, number])[];
        readonly grad_norm: number;
        readonly tensor_norms: Readonly<Record<string, number>>;
      }[]
    | null;
  readonly zero_gradient_ranges: Readonly<Record<string, readonly [number, number]>> | null;
  readonly tolerance: {
    readonly token_logprob_abs: Suggested;
    readonly mean_logprob_abs?: Suggested;
    readonly gradient: { readonly per_tensor_rel_l2: Suggested; readonly per_element_over_tensor_max: Suggested };
  };
}

export const goldenPath = (...parts: string[]): string => sharedPath('golden', ...parts) as string;
export const modelPath = (family: string): string => goldenPath('models', family);

export async function readJson<T>(...parts: string[]): Promise<T> {
  return JSON.parse(await readFile(goldenPath(...parts), 'utf8'));
}

/** Expected results of the bare model, or of the model with its adapter, whose pairs are the same. */
export async function readGolden(family: string, kind: 'full' | 'lora' = 'full'): Promise<Golden> {
  const bare = await readJson<Golden>('models', family, 'golden.json');
  if (kind === 'full') return bare;
  const adapted = await readJson<Golden>('models', family, 'golden.lora.json');
  return { ...adapted, pairs: bare.pairs, zero_gradient_ranges: null, objective_gradients: null };
}

/** The model folder with its configuration in transformers 4's spelling; undefined where there is none. */
export async function modelWithOldSpelling(family: string): Promise<string> {
  const folder = join(await temporaryFolder(), family);
  await mkdir(folder);
  await cp(join(modelPath(family), 'model.safetensors'), join(folder, 'model.safetensors'));
  await cp(join(modelPath(family), 'config.v4.json'), join(folder, 'config.json'));
  return folder;
}

/** The objective of a golden row; undefined for those that are not implemented. */
export function objectiveOf({
  objective,
  params,
}: Pick<GoldenObjective, 'objective' | 'params'>): Objective | undefined {
  const { alpha = 0, beta = 1, gamma = 0 } = params;
  switch (objective) {
    case 'alphapo':
      return { kind: 'alphapo', alpha, beta, gamma };
    case 'simpo':
      return { kind: 'simpo', beta, gamma };
    case 'dpo':
      return { kind: 'dpo', beta };
    case 'sft':
      return { kind: 'sft' };
    default:
      return undefined;
  }
}

/** |x - y| / max(1, |y|). */
export const relative = (x: number, y: number): number => Math.abs(x - y) / Math.max(1, Math.abs(y));

/** ||x - y|| / ||y||, leaving out the elements in [from, to). */
export function relativeL2(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  leftOut: readonly [number, number] = [0, 0],
): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    if (i >= leftOut[0] && i < leftOut[1]) continue;
    difference += ((x[i] as number) - (y[i] as number)) ** 2;
    norm += (y[i] as number) ** 2;
  }
  return Math.sqrt(difference) / (Math.sqrt(norm) || 1);
}
