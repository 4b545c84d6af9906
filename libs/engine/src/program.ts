import type { ComputeSettings, Objective, TrainingMethod } from '@alphapo/contracts';
import {
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
} from '@alphapo/models';
import { type HeadTraining, type LogitLayout, targetLogProbs } from './head.ts';
import { addObjective } from './objective-program.ts';
import { blockPrefix } from './pack.ts';
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

/** A model in a graph, with its inputs and parameters in place. */
class ModelGraph implements Computation {
  readonly graph = new Graph();
  readonly inputs: TokenInputs;
  /** The trained parameters, as inputs of the graph, by name. */
  readonly trainable: ReadonlyMap<string, Value>;
  readonly #folder: WeightSource;
  readonly #activations: ComputeSettings['activations'];
  readonly #factors: ReadonlyMap<string, LoraFactors>;
  readonly #scaling: number;
  readonly #parameters = new Map<string, Value>();
  readonly #blocks = new Map<number | undefined, AttentionBlocks>();

  constructor(folder: WeightSource, method: TrainingMethod | undefined, activations: ComputeSettings['activations']) {
    this.#activations = activations;
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
    const known = this.trainable.get(name) ?? this.#parameters.get(name);
    if (known !== undefined) return known;
    const value = cast(this.#folder.addWeight(this.graph, name), 'f32');
    this.#parameters.set(name, value);
    return value;
  }

  linear(name: string, x: Value): Value {
    const layer = this.#folder.definition.linears.find((linear) => linear.name === name);
    const weight = this.parameter(`${name}.weight`);
    const bias = layer?.bias ? { plus: this.parameter(`${name}.bias`) } : {};
    const y = gemm(x, weight, { transB: layer?.layout === 'out-in', ...bias });
    const factors = this.#factors.get(name);
    if (factors === undefined) return y;
    const down = gemm(x, this.parameter(factors.a.name), { transB: true });
    return gemm(mul(down, this.#scaling), this.parameter(factors.b.name), { transB: true, plus: y });
  }

  layer(x: Value, compute: (x: Value) => Value): Value {
    return this.#activations === 'kept' ? compute(x) : recomputed(x, this.trainable.values(), compute);
  }

  attentionBlocks(slidingWindow: number | undefined): AttentionBlocks {
    const known = this.#blocks.get(slidingWindow);
    if (known !== undefined) return known;
    const prefix = blockPrefix(slidingWindow);
    const index = (name: string, shape: Shape) => this.graph.input(prefix + name, 'i64', shape);
    const place = (name: string) => index(name, ['N', 1]);
    const places: BlockPlaces = {
      queryStart: place('queryStart'),
      prefixStart: place('prefixStart'),
      prefixEnd: place('prefixEnd'),
      ownStart: place('ownStart'),
      end: place('end'),
      queryCount: place('queryCount'),
      keyCount: place('keyCount'),
      queryPads: index('queryPads', ['N', 4]),
      keyPads: index('keyPads', ['N', 4]),
      maskPads: index('maskPads', ['N', 4]),
    };
    const blocks: AttentionBlocks = {
      places,
      masks: attentionMasks(this.inputs, places, slidingWindow),
      queryRows: index('queryRows', ['T']),
      keyRows: index('keyRows', ['M', 'T']),
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
    const head = { weight: this.parameter(definition.headWeight), softCap: definition.logitSoftCap };
    return targetLogProbs(hidden, head, targets, { training, logits });
  }
}

/** A graph, and the sliding windows whose blocks it is to be fed. */
export interface Program {
  readonly graph: Graph;
  readonly windows: readonly (number | undefined)[];
}

/** Log-probabilities only: output `log_probs` [K, C]. */
export function scoringProgram(folder: ModelFolder, method: TrainingMethod | undefined, logits: LogitLayout): Program {
  const model = new ModelGraph(folder, method, 'kept');
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
 * counts of their tokens [P], `batch_pairs` [], and what the objective needs beside them (`addObjective`); it gives back
 * `log_probs` [K, C], the PAIR_OUTPUTS and the gradients of the trained parameters.
 */
export function gradientProgram(
  folder: WeightSource,
  method: TrainingMethod,
  objective: Objective,
  { logits, activations }: { readonly logits: LogitLayout; readonly activations: ComputeSettings['activations'] },
): GradientProgram {
  const model = new ModelGraph(folder, method, activations);
  const { graph } = model;
  const trainsHead = model.trainable.has(folder.definition.headWeight);
  const logProbs = model.logProbs(trainsHead ? 'trained-weight' : 'frozen-weight', logits);
  const sums = (name: 'chosen' | 'rejected'): Value => {
    const members = graph.input(`members_${name}`, 'f64', ['P', HEAD_ROWS]);
    return reshape(matmul(members, cast(reshape(logProbs, [HEAD_ROWS, 1]), 'f64')), ['P']);
  };
  const loss = addObjective(graph, objective, { chosen: sums('chosen'), rejected: sums('rejected') });
  graph.output('log_probs', logProbs);

  const share = expand(div(1, graph.input('batch_pairs', 'f64', [])), ['P']);
  const trained = [...model.trainable.values()];
  const gradients = differentiate(graph, [{ output: loss, gradient: share }], trained);
  return {
    graph,
    windows: model.windows,
    gradients: trained.map((parameter, i) => addGradientOutputs(parameter, gradients[i] as Gradient)),
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
