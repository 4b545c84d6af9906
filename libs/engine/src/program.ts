import type { ComputeSettings, Objective, TrainingMethod } from '@alphapo/contracts';
import {
  cast,
  differentiate,
  div,
  expand,
  type Gradient,
  type Graph,
  gatherRows,
  matmul,
  mul,
  reshape,
  type Value,
} from '@alphapo/graph';
import { type HeadTraining, type LogitLayout, targetLogProbs } from './head.ts';
import { ModelGraph, type WeightSource } from './model-graph.ts';
import { addObjective } from './objective-program.ts';
import { PackAttention } from './pack-attention.ts';
import type { ProgramStyle } from './program-style.ts';

/** Axis names: T tokens, K chunks of C head rows, P pairs. */
const HEAD_ROWS = 'C*K';

/** How a program is built, besides the style of its device. */
interface LayoutStyle extends ProgramStyle {
  readonly logits: LogitLayout;
}

/** A model over the tokens of a pack. */
function packGraph(
  folder: WeightSource,
  method: TrainingMethod | undefined,
  { precision, attention, activations }: ProgramStyle & Pick<ComputeSettings, 'activations'>,
): ModelGraph<PackAttention> {
  const options = { method, precision, activations, tokens: 'T' };
  return new ModelGraph(folder, options, (graph, inputs) => new PackAttention(graph, inputs, attention));
}

/** Log-probabilities [K, C] of the targets. */
function logProbsOf(
  model: ModelGraph<PackAttention>,
  { definition }: WeightSource,
  { training, logits }: { training: HeadTraining; logits: LogitLayout },
): Value {
  const headRows = model.graph.input('head_rows', 'i64', ['K', 'C']);
  const sources = model.graph.input('head_sources', 'i64', ['S', 'T']);
  const targets = model.graph.input('targets', 'i64', ['K', 'C']);
  const hidden = gatherRows(definition.hidden(model), headRows, sources);
  const weight = model.parameter(definition.headWeight);
  const trained = model.trainable.get(definition.headWeight) ?? weight;
  const head = { weight, trained, softCap: definition.logitSoftCap };
  return targetLogProbs(hidden, head, targets, { training, logits });
}

/** A graph, and the sliding windows whose blocks are its inputs. */
export interface Program {
  readonly graph: Graph;
  readonly windows: readonly (number | undefined)[];
}

/** Log-probabilities only: output `log_probs` [K, C]. */
export function scoringProgram(
  folder: WeightSource,
  method: TrainingMethod | undefined,
  { logits, ...style }: LayoutStyle,
): Program {
  const model = packGraph(folder, method, { ...style, activations: 'kept' });
  const { graph } = model;
  graph.output('log_probs', logProbsOf(model, folder, { training: 'none', logits }));
  return { graph, windows: model.attention.windows };
}

/** The gradient of a trained parameter: outputs of the graph. */
export interface GradientOutputs {
  readonly name: string;
  readonly shape: readonly number[];
  /** The output with a tensor of the parameter's shape, where there is one. */
  readonly dense: string | undefined;
  /** Outputs with rows [N, D] that are to be added to those at the indices [N]. */
  readonly rows: readonly { readonly indices: string; readonly rows: string }[];
}

export interface GradientProgram extends Program {
  readonly gradients: readonly GradientOutputs[];
}

/**
 * Forward, objective and backward. Besides the pack it takes `members_chosen` and `members_rejected` [P, K C], the
 * counts of their tokens [P], `batch_pairs` [], what the objective needs beside them (`addObjective`), and in float16
 * `loss_scale` [] (`lossScaleFeed`); it gives back `log_probs` [K, C], the PAIR_OUTPUTS and the gradients of the trained
 * parameters.
 */
export function gradientProgram(
  folder: WeightSource,
  method: TrainingMethod,
  objective: Objective,
  { logits, ...style }: LayoutStyle & Pick<ComputeSettings, 'activations'>,
): GradientProgram {
  const model = packGraph(folder, method, style);
  const { graph } = model;
  const trainsHead = model.trainable.has(folder.definition.headWeight);
  const training = trainsHead ? 'trained-weight' : 'frozen-weight';
  const logProbs = logProbsOf(model, folder, { training, logits });
  const sums = (name: 'chosen' | 'rejected'): Value => {
    const members = graph.input(`members_${name}`, 'f64', ['P', HEAD_ROWS]);
    return reshape(matmul(members, cast(reshape(logProbs, [HEAD_ROWS, 1]), 'f64')), ['P']);
  };
  const loss = addObjective(graph, objective, { chosen: sums('chosen'), rejected: sums('rejected') });
  graph.output('log_probs', logProbs);

  const scale = style.precision === 'f16' ? graph.input('loss_scale', 'f64', []) : undefined;
  const share = expand(div(scale ?? 1, graph.input('batch_pairs', 'f64', [])), ['P']);
  const trained = [...model.trainable.values()];
  const gradients = differentiate(graph, [{ output: loss, gradient: share }], trained);
  return {
    graph,
    windows: model.attention.windows,
    gradients: trained.map((parameter, i) => addGradientOutputs(parameter, unscaled(gradients[i] as Gradient, scale))),
  };
}

/** A gradient without the scale of the loss. */
function unscaled(gradient: Gradient, scale: Value | undefined): Gradient {
  if (scale === undefined) return gradient;
  const factor = cast(div(1, scale), 'f32');
  return {
    dense: gradient.dense && mul(gradient.dense, factor),
    rows: gradient.rows.map(({ indices, rows }) => ({ indices, rows: mul(rows, factor) })),
  };
}

function addGradientOutputs({ graph, name, shape }: Value, { dense, rows }: Gradient): GradientOutputs {
  const output = (outputName: string, value: Value): string => {
    graph.output(outputName, value);
    return outputName;
  };
  return {
    name,
    shape: shape as readonly number[],
    dense: dense && output(`gradient:${name}`, dense),
    rows: rows.map((part, i) => ({
      indices: output(`indices:${name}:${i}`, part.indices),
      rows: output(`rows:${name}:${i}`, part.rows),
    })),
  };
}
