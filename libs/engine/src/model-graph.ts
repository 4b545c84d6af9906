import type { ComputeSettings, TrainingMethod } from '@alphapo/contracts';
import { addTo, cast, Graph, gemm, mul, recomputed, type Value } from '@alphapo/graph';
import {
  type AttentionParts,
  type AttentionShape,
  type LayerContext,
  type LoraFactors,
  loraFactors,
  type TokenInputs,
} from '@alphapo/models';
import type { ProgramStyle } from './program-style.ts';
import type { ModelFolder } from './weights.ts';

/** A model's definition, and its parameters as frozen weights of a graph. */
export type WeightSource = Pick<ModelFolder, 'definition' | 'addWeight'>;

/** Names and shapes of what a method trains, in the order of a policy. */
export function trainableParameters(
  model: ModelFolder['definition'],
  method: TrainingMethod,
): readonly { readonly name: string; readonly shape: readonly number[] }[] {
  if (method.kind === 'full') return model.parameters;
  return loraFactors(model, method).flatMap(({ a, b }) => [a, b]);
}

/** How the layers of a graph attend: over the tokens of a pack, or over cached keys and values. */
export interface LayerAttention {
  attend(parts: AttentionParts, shape: AttentionShape, slidingWindow: number | undefined): Value;
}

/** How a model is put into a graph. */
interface ModelGraphOptions extends Pick<ProgramStyle, 'precision'>, Pick<ComputeSettings, 'activations'> {
  readonly method: TrainingMethod | undefined;
  /** Name of the token axis. */
  readonly tokens: string;
}

/** A model in a graph, with its inputs and parameters in place. */
export class ModelGraph<Attention extends LayerAttention> implements LayerContext {
  readonly graph = new Graph();
  readonly inputs: TokenInputs;
  readonly attention: Attention;
  /** The trained parameters, as inputs of the graph, by name. */
  readonly trainable: ReadonlyMap<string, Value>;
  readonly #folder: WeightSource;
  readonly #options: ModelGraphOptions;
  readonly #factors: ReadonlyMap<string, LoraFactors>;
  readonly #scaling: number;
  readonly #parameters = new Map<string, Value>();

  /** `attention` makes the layers' attention; the graph's inputs are there then. */
  constructor(
    folder: WeightSource,
    options: ModelGraphOptions,
    attention: (graph: Graph, inputs: TokenInputs) => Attention,
  ) {
    this.#options = options;
    this.#folder = folder;
    const { method, tokens: T } = options;
    const factors = method?.kind === 'lora' ? loraFactors(folder.definition, method) : [];
    this.#factors = new Map(factors.map((pair) => [pair.layer.name, pair]));
    this.#scaling = method?.kind === 'lora' ? method.alpha / method.rank : 0;
    const { graph } = this;
    const { rotary } = folder.definition;
    const table = (name: string) => graph.input(name, 'f32', [1, T, rotary?.inverseFrequencies.length ?? 0]);
    this.inputs = {
      tokens: graph.input('tokens', 'i64', [T]),
      positions: graph.input('positions', 'i64', [T]),
      rotary: rotary && { cos: table('rotary_cos'), sin: table('rotary_sin') },
    };
    this.attention = attention(graph, this.inputs);
    const trained = method === undefined ? [] : trainableParameters(folder.definition, method);
    this.trainable = new Map(trained.map(({ name, shape }) => [name, graph.input(name, 'f32', shape)]));
  }

  parameter(name: string): Value {
    const known = this.#parameters.get(name);
    if (known !== undefined) return known;
    const stored = this.trainable.get(name) ?? this.#folder.addWeight(this.graph, name);
    const value = cast(stored, stored.shape.length > 1 ? this.#options.precision : 'f32');
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

  attend(...given: Parameters<LayerAttention['attend']>): Value {
    return this.attention.attend(...given);
  }

  layer(x: Value, compute: (x: Value) => Value): Value {
    return this.#options.activations === 'kept' ? compute(x) : recomputed(x, this.#trainedAsUsed(), compute);
  }

  /** What is trained as layers use it: in the activations' type where they have one of their own. */
  *#trainedAsUsed(): Generator<Value> {
    for (const [name, value] of this.trainable) yield this.#parameters.get(name) ?? value;
  }
}
