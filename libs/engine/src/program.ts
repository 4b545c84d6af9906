import type { ComputeSettings, Objective, TrainingMethod } from '@alphapo/contracts';
import {
  addTo,
  cast,
  differentiate,
  div,
  expand,
  type Gradient,
  Graph,
  gatherRows,
  gemm,
  matmul,
  mul,
  recomputed,
  reshape,
  type Shape,
  type Value,
} from '@alphapo/graph';
import {
  type AttentionBlocks,
  attentionMasks,
  type BlockPlaces,
  type Computation,
  type LoraFactors,
  loraFactors,
  type TokenInputs,
  type WholePack,
  wholeMask,
} from '@alphapo/models';
import { type HeadTraining, type LogitLayout, targetLogProbs } from './head.ts';
import { addObjective } from './objective-program.ts';
import { blockPrefix } from './pack.ts';
import type { ProgramStyle } from './program-style.ts';
import type { ModelFolder } from './weights.ts';

/** A model's definition, and its parameters as frozen weights of a graph. */
export type WeightSource = Pick<ModelFolder, 'definition' | 'addWeight'>;

/** Axis names: T tokens, K chunks of C head rows, P pairs. */
const HEAD_ROWS = 'C*K';

/** Names and shapes of what a method trains, in the order of a policy. */
export function trainableParameters(
  model: ModelFolder['definition'],
  method: TrainingMethod,
): readonly { readonly name: string; readonly shape: readonly number[] }[] {
  if (method.kind === 'full') return model.parameters;
  return loraFactors(model, method).flatMap(({ a, b }) => [a, b]);
}

/** What a program is built as, besides what suits its device. */
interface LayoutStyle extends ProgramStyle {
  readonly logits: LogitLayout;
}

/** A model in a graph, with its inputs and parameters in place. */
class ModelGraph implements Computation {
  readonly graph = new Graph();
  readonly inputs: TokenInputs;
  /** The trained parameters, as inputs of the graph, by name. */
  readonly trainable: ReadonlyMap<string, Value>;
  readonly #folder: WeightSource;
  readonly #style: ProgramStyle;
  readonly #activations: ComputeSettings['activations'];
  readonly #factors: ReadonlyMap<string, LoraFactors>;
  readonly #scaling: number;
  readonly #parameters = new Map<string, Value>();
  readonly #blocks = new Map<number | undefined, AttentionBlocks>();
  readonly #whole = new Map<number | undefined, WholePack>();

  constructor(
    folder: WeightSource,
    method: TrainingMethod | undefined,
    { activations, ...style }: ProgramStyle & Pick<ComputeSettings, 'activations'>,
  ) {
    this.#activations = activations;
    this.#style = style;
    this.#folder = folder;
    const factors = method?.kind === 'lora' ? loraFactors(folder.definition, method) : [];
    this.#factors = new Map(factors.map((pair) => [pair.layer.name, pair]));
    this.#scaling = method?.kind === 'lora' ? method.alpha / method.rank : 0;
    const { graph } = this;
    const index = (name: string) => graph.input(name, 'i64', ['T']);
    const { rotary } = folder.definition;
    const table = (name: string) => graph.input(name, 'f32', [1, 'T', rotary?.inverseFrequencies.length ?? 0]);
    this.inputs = {
      tokens: index('tokens'),
      positions: index('positions'),
      rows: index('rows'),
      branches: index('branches'),
      rotary: rotary && { cos: table('rotary_cos'), sin: table('rotary_sin') },
    };
    const trained = method === undefined ? [] : trainableParameters(folder.definition, method);
    this.trainable = new Map(trained.map(({ name, shape }) => [name, graph.input(name, 'f32', shape)]));
  }

  parameter(name: string): Value {
    const known = this.#parameters.get(name);
    if (known !== undefined) return known;
    const stored = this.trainable.get(name) ?? this.#folder.addWeight(this.graph, name);
    const value = cast(stored, stored.shape.length > 1 ? this.#style.precision : 'f32');
    this.#parameters.set(name, value);
    return value;
  }

  linear(name: string, x: Value): Value {
    const layer = this.#folder.definition.linears.find((linear) => linear.name === name);
    const weight = this.parameter(`${name}.weight`);
    const bias = layer?.bias ? { plus: cast(this.parameter(`${name}.bias`), x.type) } : {};
    const y = gemm(x, weight, { transB: layer?.layout === 'out-in', ...bias });
    const factors = this.#factors.get(name);
    if (factors === undefined) return y;
    const [a, b] = [factors.a, factors.b].map((factor) => this.trainable.get(factor.name)) as [Value, Value];
    const down = gemm(cast(x, 'f32'), a, { transB: true });
    return addTo(y, cast(gemm(mul(down, this.#scaling), b, { transB: true }), y.type));
  }

  layer(x: Value, compute: (x: Value) => Value): Value {
    return this.#activations === 'kept' ? compute(x) : recomputed(x, this.#trainedAsUsed(), compute);
  }

  /** What is trained as layers use it: in the activations' type where they have one of their own. */
  *#trainedAsUsed(): Generator<Value> {
    for (const [name, value] of this.trainable) yield this.#parameters.get(name) ?? value;
  }

  attentionBlocks(slidingWindow: number | undefined): AttentionBlocks | WholePack {
    return this.#style.attention === 'whole' ? this.#wholePack(slidingWindow) : this.#packBlocks(slidingWindow);
  }

  #wholePack(slidingWindow: number | undefined): WholePack {
    const known = this.#whole.get(slidingWindow) ?? { mask: wholeMask(this.inputs, slidingWindow) };
    this.#whole.set(slidingWindow, known);
    return known;
  }

  #packBlocks(slidingWindow: number | undefined): AttentionBlocks {
    const known = this.#blocks.get(slidingWindow);
    if (known !== undefined) return known;
    const prefix = blockPrefix(slidingWindow);
    const index = (name: string, shape: Shape) => this.graph.input(prefix + name, 'i64', shape);
    // Named after the window, like the extents of the masks: see attentionMasks.
    const [N, L] = [`N${slidingWindow ?? ''}`, `L${slidingWindow ?? ''}`];
    const place = (name: string) => index(name, [N, 1]);
    const places: BlockPlaces = {
      queryStart: place('queryStart'),
      prefixStart: place('prefixStart'),
      prefixEnd: place('prefixEnd'),
      ownStart: place('ownStart'),
      end: place('end'),
      queryCount: place('queryCount'),
      keyCount: place('keyCount'),
      firstPosition: place('firstPosition'),
      endPosition: place('endPosition'),
      queryPads: index('queryPads', [N, 4]),
      keyPads: index('keyPads', [N, 4]),
      earlierPads: index('earlierPads', [N, 4]),
      maskPads: index('maskPads', [N, 4]),
    };
    const blocks: AttentionBlocks = {
      places,
      masks: attentionMasks(this.inputs, places, slidingWindow),
      queryRows: index('queryRows', ['T']),
      positionZeros: this.graph.input(`${prefix}positionZeros`, 'f32', [L, 1]),
    };
    this.#blocks.set(slidingWindow, blocks);
    return blocks;
  }

  /** The sliding windows that the layers have, as far as they are built. */
  get windows(): (number | undefined)[] {
    return [...this.#blocks.keys()];
  }

  /** Log-probabilities [K, C] of the targets. */
  logProbs(training: HeadTraining, logits: LogitLayout): Value {
    const { definition } = this.#folder;
    const headRows = this.graph.input('head_rows', 'i64', ['K', 'C']);
    const sources = this.graph.input('head_sources', 'i64', ['S', 'T']);
    const targets = this.graph.input('targets', 'i64', ['K', 'C']);
    const hidden = gatherRows(definition.hidden(this), headRows, sources);
    const weight = this.parameter(definition.headWeight);
    const trained = this.trainable.get(definition.headWeight) ?? weight;
    const head = { weight, trained, softCap: definition.logitSoftCap };
    return targetLogProbs(hidden, head, targets, { training, logits });
  }
}

/** A graph, and the sliding windows whose blocks it is to be fed. */
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
  const model = new ModelGraph(folder, method, { ...style, activations: 'kept' });
  const { graph } = model;
  graph.output('log_probs', model.logProbs('none', logits));
  return { graph, windows: model.windows };
}

/** What became of a trained parameter's gradient: outputs of the graph. */
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
  const model = new ModelGraph(folder, method, style);
  const { graph } = model;
  const trainsHead = model.trainable.has(folder.definition.headWeight);
  const logProbs = model.logProbs(trainsHead ? 'trained-weight' : 'frozen-weight', logits);
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
    windows: model.windows,
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
