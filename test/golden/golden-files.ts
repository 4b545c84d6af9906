import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { averagesOverTokens, needsReference, type Objective } from '@alphapo/contracts';
import { batchTotals, type PairTokens } from '@alphapo/engine';
import { sharedPath } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Reference numbers in float64, computed by PyTorch; the README beside them says how. P pairs. */

/** A tolerance that the reference files state: ten times what transformers in float32 differs from float64. */
export interface Tolerance {
  readonly suggested: number;
}

interface GoldenLogProbs {
  readonly response: readonly number[];
  readonly sum: number;
  readonly mean: number;
}

export interface GoldenObjective {
  readonly objective: string;
  readonly params: {
    readonly alpha?: number;
    readonly beta?: number;
    readonly gamma?: number;
    readonly cpo_alpha?: number;
  };
  readonly reward_chosen: readonly number[];
  readonly reward_rejected: readonly number[];
  readonly margin: readonly number[];
  /** Without the part that is averaged over tokens; `lossesOfPairs` adds each pair's share of it. */
  readonly loss_per_pair: readonly number[];
  readonly loss: number;
  readonly tolerance: { readonly loss_rel: Tolerance; readonly reward_rel: Tolerance };
}

interface GoldenObjectiveGradient extends Pick<GoldenObjective, 'objective' | 'params'> {
  /** By S_c and S_r of each pair. */
  readonly dloss_dsum: readonly (readonly [number, number])[];
  readonly grad_norm: number;
  readonly tensor_norms: Readonly<Record<string, number>>;
}

/** Elements [from, to) of tensors whose exact gradient is 0: what one gets there is rounding noise. */
export type ZeroGradientRanges = Readonly<Record<string, readonly [number, number]>>;

export interface Golden {
  readonly pairs: readonly (PairTokens & { readonly id: number })[];
  readonly logprobs: {
    readonly float64: readonly { readonly chosen: GoldenLogProbs; readonly rejected: GoldenLogProbs }[];
  };
  /** Summed log-probabilities under the reference; LoRA's is the model alone. Only llama's is there as a folder. */
  readonly reference:
    | {
        readonly float64: readonly { readonly chosen: { sum: number }; readonly rejected: { sum: number } }[];
        readonly folder?: string | null;
      }
    | undefined;
  readonly objectives: readonly GoldenObjective[];
  readonly gradient: {
    readonly params: { readonly alpha: number; readonly beta: number; readonly gamma: number };
    readonly loss: number;
    readonly grad_norm: number;
    readonly tensor_norms: Readonly<Record<string, number>>;
  };
  readonly objectiveGradients: readonly GoldenObjectiveGradient[];
  readonly zeroGradientRanges: ZeroGradientRanges;
  readonly tolerance: {
    readonly token_logprob_abs: Tolerance;
    readonly mean_logprob_abs?: Tolerance;
    readonly gradient: { readonly per_tensor_rel_l2: Tolerance; readonly per_element_over_tensor_max: Tolerance };
  };
}

/** What is computed with: all weights of the model, or the model with its adapter. */
export type Trained = 'full' | 'lora';

const goldenFile = (trained: Trained): string => (trained === 'full' ? 'golden' : 'golden.lora');

export const goldenPath = (...parts: string[]): string => sharedPath('golden', ...parts) as string;
export const modelPath = (family: string): string => goldenPath('models', family);
/** The reference model of llama. */
export const referencePath = (): string => goldenPath('models', 'llama', 'reference');
export const tensorsPath = (family: string, trained: Trained): string =>
  goldenPath('models', family, `${goldenFile(trained)}.safetensors`);
/** A small Llama that was trained on stories. */
export const storiesPath = (): string => sharedPath('data', 'models', 'stories260K', 'hf') as string;

export async function readJson<T>(...parts: string[]): Promise<T> {
  return JSON.parse(await readFile(goldenPath(...parts), 'utf8'));
}

type GoldenFile = Omit<Golden, 'reference' | 'objectiveGradients' | 'zeroGradientRanges'> & {
  readonly reference: Golden['reference'] | string | null;
  readonly objective_gradients?: Golden['objectiveGradients'] | null;
  readonly zero_gradient_ranges?: ZeroGradientRanges | null;
};

/** Expected results of the bare model, or of the model with its adapter. */
export async function readGolden(family: string, trained: Trained = 'full'): Promise<Golden> {
  const bare = await readGoldenFile('models', family, 'golden.json');
  if (trained === 'full') return bare;
  const adapted = await readGoldenFile('models', family, 'golden.lora.json');
  // An adapter's pairs are those of its model, its reference is the model alone.
  return { ...adapted, pairs: bare.pairs, reference: bare.logprobs };
}

export const readStoriesGolden = (): Promise<Golden> => readGoldenFile('stories260K', 'golden.json');

async function readGoldenFile(...parts: string[]): Promise<Golden> {
  const { reference, objective_gradients, zero_gradient_ranges, ...same } = await readJson<GoldenFile>(...parts);
  return {
    ...same,
    reference: typeof reference === 'string' ? undefined : (reference ?? undefined),
    objectiveGradients: objective_gradients ?? [],
    zeroGradientRanges: zero_gradient_ranges ?? {},
  };
}

/** Every family that there are reference numbers of. */
export const FAMILIES = ['gemma2', 'gpt2', 'llama', 'llama3-rope', 'mistral', 'phi3', 'qwen2', 'qwen3'] as const;

/** Each family's bare model, and the model with its adapter for those that have one. */
export const CASES: readonly (readonly [family: string, trained: Trained])[] = [
  ...FAMILIES.map((family) => [family, 'full'] as const),
  ...FAMILIES.filter((family) => sharedPath('golden', 'models', family, 'adapter') !== undefined).map(
    (family) => [family, 'lora'] as const,
  ),
];

/** Families with the gradients of every objective. */
export const FAMILIES_WITH_OBJECTIVE_GRADIENTS = ['llama', 'gpt2', 'gemma2'] as const;

/** The model folder with its configuration in transformers 4's spelling. */
export async function modelWithOldSpelling(family: string): Promise<string> {
  const folder = join(await temporaryFolder(), family);
  await mkdir(folder);
  await cp(join(modelPath(family), 'model.safetensors'), join(folder, 'model.safetensors'));
  await cp(join(modelPath(family), 'config.v4.json'), join(folder, 'config.json'));
  return folder;
}

/** Each row with the objective that it is of. */
export function withObjective<T extends Pick<GoldenObjective, 'objective' | 'params'>>(
  rows: readonly T[],
): readonly { readonly row: T; readonly objective: Objective; readonly name: string }[] {
  return rows.map((row) => {
    const objective = objectiveOf(row);
    return { row, objective, name: JSON.stringify(objective) };
  });
}

function objectiveOf({ objective, params }: Pick<GoldenObjective, 'objective' | 'params'>): Objective {
  const { alpha = 0, beta = 1, gamma = 0, cpo_alpha: weight = 0 } = params;
  switch (objective) {
    case 'alphapo':
      return { kind: 'alphapo', alpha, beta, gamma };
    case 'simpo':
      return { kind: 'simpo', beta, gamma };
    case 'dpo':
      return { kind: 'dpo', beta };
    case 'dpo_hinge':
      return { kind: 'hinge', beta, reference: 'base' };
    case 'slic_hinge':
      return { kind: 'hinge', beta, reference: 'none' };
    case 'ipo':
      return { kind: 'ipo', beta, logProb: 'mean', reference: 'base' };
    case 'ipo_sum':
      return { kind: 'ipo', beta, logProb: 'sum', reference: 'base' };
    case 'cpo_ipo':
      return { kind: 'ipo', beta, logProb: 'mean', reference: 'none' };
    case 'cpo':
      return { kind: 'cpo', beta, ...(weight > 0 && { nll: { weight, average: 'tokens' } }) };
    case 'orpo':
      return { kind: 'orpo', beta };
    case 'sft':
      return { kind: 'sft', average: 'pairs' };
    case 'sft_token_mean':
      return { kind: 'sft', average: 'tokens' };
    default:
      throw new Error(`${objective} is no objective that there is`);
  }
}

/** The losses of the pairs, of which the batch's loss is the mean. */
export function lossesOfPairs({ pairs, logprobs }: Golden, row: GoldenObjective): readonly number[] {
  const objective = objectiveOf(row);
  if (!averagesOverTokens(objective)) return row.loss_per_pair;
  const { batchPairs, batchChosenTokens } = batchTotals(pairs);
  const share = (p: number) => (-(logprobs.float64[p]?.chosen.sum as number) * batchPairs) / batchChosenTokens;
  if (objective.kind === 'sft') return row.loss_per_pair.map((_, p) => share(p));
  return row.loss_per_pair.map((loss, p) => loss + (row.params.cpo_alpha ?? 0) * share(p));
}

/** Summed log-probabilities of P pairs under the reference, for the objectives that have one. */
export function referenceSums(golden: Golden, objective: Objective) {
  if (!needsReference(objective)) return undefined;
  const rows = golden.reference?.float64 ?? [];
  return { chosen: rows.map(({ chosen }) => chosen.sum), rejected: rows.map(({ rejected }) => rejected.sum) };
}
