import type { ComputeSettings, Dtype, Objective, TrainingMethod } from '@alphapo/contracts';
import type { LogitLayout, ModelFolder } from '@alphapo/engine/testing';
import { gradientProgram, programStyle, scoringProgram } from '@alphapo/engine/testing';
import type { Graph } from '@alphapo/graph';
import { defaultLoraTargets } from '@alphapo/models';

/** A GPU's execution provider. */
export type Gpu = 'cuda' | 'webgpu';

/** One of the graphs that a scorer makes. */
export interface GraphCase extends Pick<ComputeSettings, 'activations' | 'weights'> {
  readonly dtype: Dtype;
  readonly computes: 'scores' | 'gradient';
  /** `base`: scores of the model without a policy. */
  readonly method: 'base' | 'lora' | 'full';
  readonly logits: LogitLayout;
  readonly objective: Objective;
}

/** Every objective, with what adds operators to it. */
const OBJECTIVES: { readonly [K in Objective['kind']]: Objective & { readonly kind: K } } = {
  alphapo: { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25, labelSmoothing: 0.1 },
  simpo: { kind: 'simpo', beta: 2.5, gamma: 1.25, nll: { weight: 1, average: 'tokens' } },
  dpo: { kind: 'dpo', beta: 0.1 },
  ipo: { kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'base' },
  orpo: { kind: 'orpo', beta: 0.1 },
  cpo: { kind: 'cpo', beta: 0.1, nll: { weight: 1, average: 'pairs' } },
  hinge: { kind: 'hinge', beta: 1, reference: 'none' },
  sft: { kind: 'sft', average: 'pairs' },
};

/** All graphs of a family in an element type: scores and gradients, as they differ by settings, method and length. */
export function graphsIn(dtype: Dtype): GraphCase[] {
  const usual = { dtype, weights: 'in-place', activations: 'kept', objective: OBJECTIVES.alphapo } as const;
  const layouts = ['whole', 'chunks'] as const;
  const scores = (['base', 'lora', 'full'] as const).flatMap((method) =>
    layouts.map((logits): GraphCase => ({ ...usual, computes: 'scores', method, logits })),
  );
  const gradients = (['lora', 'full'] as const).flatMap((method) => [
    ...layouts.flatMap((logits) =>
      (['kept', 'recomputed'] as const).map(
        (activations): GraphCase => ({ ...usual, computes: 'gradient', method, logits, activations }),
      ),
    ),
    { ...usual, computes: 'gradient', method, logits: 'whole', weights: 'packed' } as const,
  ]);
  return [...scores, ...gradients];
}

/** A gradient under each objective. */
export const objectiveCases = (dtype: Dtype): GraphCase[] =>
  Object.values(OBJECTIVES).map((objective) => ({
    ...({ dtype, computes: 'gradient', method: 'lora', logits: 'whole', objective } as const),
    ...({ weights: 'in-place', activations: 'kept' } as const),
  }));

export const titleOf = ({ dtype, computes, method, logits, activations, weights, objective }: GraphCase): string =>
  [dtype, computes, method, logits, activations, weights, objective.kind].join(' ');

/** The graph of a case as an engine on the GPU makes it. */
export function graphOf(model: ModelFolder, gpu: Gpu, { computes, method, objective, ...given }: GraphCase): Graph {
  const { logits, activations, dtype } = given;
  const style = { ...programStyle(gpu, dtype), logits };
  const { definition } = model;
  const trained: TrainingMethod =
    method === 'lora'
      ? { kind: 'lora', rank: 2, alpha: 4, targets: [...defaultLoraTargets(definition)] }
      : { kind: 'full' };
  return computes === 'scores'
    ? scoringProgram(model, method === 'base' ? undefined : trained, style).graph
    : gradientProgram(model, trained, objective, { ...style, activations }).graph;
}

/** What the process that makes the sessions is told, as JSON. */
export interface SessionsToCreate {
  readonly gpu: Gpu;
  /** Folder of the model. */
  readonly folder: string;
  readonly cases: readonly GraphCase[];
}

/** The line before what is logged about a case. */
export const CASE_MARK = '=== case';
