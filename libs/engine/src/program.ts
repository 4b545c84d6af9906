import type { Objective, TrainingMethod } from '@alphapo/contracts';
import {
  addTo,
  cast,
  differentiate,
  div,
  expand,
  Graph,
  gather,
  gemm,
  matmul,
  mul,
  reshape,
  type Value,
} from '@alphapo/graph';
import { attentionMask, type Computation, type LoraFactors, loraFactors, type TokenInputs } from '@alphapo/models';
import { targetLogProbs } from './head.ts';
import { addObjective } from './objective-program.ts';
import type { ModelFolder } from './weights.ts';

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
  readonly #folder: ModelFolder;
  readonly #factors: ReadonlyMap<string, LoraFactors>;
  readonly #scaling: number;
  readonly #parameters = new Map<string, Value>();
  readonly #masks = new Map<number | undefined, Value>();

  constructor(folder: ModelFolder, method: TrainingMethod | undefined) {
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

  mask(slidingWindow: number | undefined): Value {
    const known = this.#masks.get(slidingWindow);
    if (known !== undefined) return known;
    const mask = attentionMask(this.inputs, slidingWindow);
    this.#masks.set(slidingWindow, mask);
    return mask;
  }

  /** Log-probabilities [K, C] of the targets. */
  logProbs(training: 'none' | 'differentiable'): Value {
    const { definition } = this.#folder;
    const headRows = this.graph.input('head_rows', 'i64', ['K', 'C']);
    const targets = this.graph.input('targets', 'i64', ['K', 'C']);
    const hidden = gather(definition.hidden(this), headRows);
    const weight = this.parameter(definition.headWeight);
    const trained = this.trainable.has(definition.headWeight) ? 'trained-weight' : 'frozen-weight';
    return targetLogProbs(hidden, weight, targets, training === 'none' ? 'none' : trained);
  }
}

/** Log-probabilities only: output `log_probs` [K, C]. */
export function scoringProgram(folder: ModelFolder, method: TrainingMethod | undefined): Graph {
  const model = new ModelGraph(folder, method);
  model.graph.output('log_probs', model.logProbs('none'));
  return model.graph;
}

/**
 * Forward, objective and backward. Besides the pack it takes `members_chosen` and `members_rejected` [P, K C], the
 * counts of their tokens [P], `batch_pairs` [], what the objective needs beside them (`addObjective`), and for each
 * trained parameter the gradient summed so far, `sum:<name>`; it gives back `log_probs` [K, C], the PAIR_OUTPUTS and the
 * new sums `gradient:<name>`.
 */
export function gradientProgram(folder: ModelFolder, method: TrainingMethod, objective: Objective): Graph {
  const model = new ModelGraph(folder, method);
  const { graph } = model;
  const logProbs = model.logProbs('differentiable');
  const sums = (name: 'chosen' | 'rejected'): Value => {
    const members = graph.input(`members_${name}`, 'f64', ['P', HEAD_ROWS]);
    return reshape(matmul(members, cast(reshape(logProbs, [HEAD_ROWS, 1]), 'f64')), ['P']);
  };
  const loss = addObjective(graph, objective, { chosen: sums('chosen'), rejected: sums('rejected') });
  graph.output('log_probs', logProbs);

  const share = expand(div(1, graph.input('batch_pairs', 'f64', [])), ['P']);
  const trained = [...model.trainable.values()];
  const gradients = differentiate(graph, [{ output: loss, gradient: share }], trained);
  trained.forEach((parameter, i) => {
    const sum = graph.input(`sum:${parameter.name}`, 'f32', parameter.shape);
    const gradient = gradients[i];
    graph.output(`gradient:${parameter.name}`, gradient === undefined ? sum : addTo(sum, gradient));
  });
  return graph;
}
