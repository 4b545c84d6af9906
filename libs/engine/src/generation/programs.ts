import type { TrainingMethod } from '@alphapo/contracts';
import { cast, div, type Graph, gather, gemm, mul, tanh, type Value, widened } from '@alphapo/graph';
import {
  type AttentionParts,
  type AttentionShape,
  cachedAttention,
  type LayerCache,
  type TokenInputs,
} from '@alphapo/models';
import { type LayerAttention, ModelGraph, type WeightSource } from '../model-graph.ts';
import { PackAttention } from '../pack-attention.ts';
import type { Program } from '../program.ts';
import type { ProgramStyle } from '../program-style.ts';

/** The two graphs of generation: one reads prompts, the other computes one token more for each of some sequences. */

/** Keys and values of a layer: heads K and the size of each. */
export interface CachedLayer {
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** A token sees this many positions, itself included; all when undefined. */
  readonly slidingWindow: number | undefined;
}

/** `windows`: the sliding windows whose blocks of attention are to be fed; a graph that reads a cache has none. */
export interface GenerationProgram extends Program {
  readonly layers: readonly CachedLayer[];
}

/** Names of a layer's inputs and outputs. */
export const LAYER_NAMES = {
  pastKeys: (layer: number) => `past_keys_${layer}`,
  pastValues: (layer: number) => `past_values_${layer}`,
  keys: (layer: number) => `keys_${layer}`,
  values: (layer: number) => `values_${layer}`,
};

/** Name of the mask that layers with a window use. */
export const maskName = (slidingWindow: number | undefined) => `past_mask${slidingWindow ?? ''}`;

/** Notes the keys and values that the layers compute, as outputs of the graph. */
class NotingAttention<Inner extends LayerAttention> implements LayerAttention {
  readonly layers: CachedLayer[] = [];
  readonly inner: Inner;

  constructor(inner: Inner) {
    this.inner = inner;
  }

  attend(parts: AttentionParts, shape: AttentionShape, slidingWindow: number | undefined): Value {
    const { graph } = parts.k;
    const layer = this.layers.length;
    this.layers.push({ keyValueHeads: shape.keyValueHeads, headDim: shape.headDim, slidingWindow });
    graph.output(LAYER_NAMES.keys(layer), cast(parts.k, 'f32'));
    graph.output(LAYER_NAMES.values(layer), cast(parts.v, 'f32'));
    return this.inner.attend(parts, shape, slidingWindow);
  }
}

/** Attention of one token of each sequence over the cache, which the graph gets as inputs. */
class CachedAttention implements LayerAttention {
  readonly #graph: Graph;
  readonly #masks = new Map<number | undefined, Value>();
  #layers = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  attend(parts: AttentionParts, shape: AttentionShape, slidingWindow: number | undefined): Value {
    const layer = this.#layers++;
    const cached = [LAYER_NAMES.pastKeys(layer), LAYER_NAMES.pastValues(layer)].map((name) =>
      this.#graph.input(name, 'f32', ['B', shape.keyValueHeads, 'C', shape.headDim]),
    );
    const [keys, values] = cached as [Value, Value];
    const cache: LayerCache = { keys, values, mask: this.#mask(slidingWindow) };
    return cachedAttention(parts, shape, cache);
  }

  #mask(slidingWindow: number | undefined): Value {
    const known = this.#masks.get(slidingWindow) ?? this.#graph.input(maskName(slidingWindow), 'f32', ['B', 1, 1, 'C']);
    this.#masks.set(slidingWindow, known);
    return known;
  }
}

/** Inputs beside a pack's: `last_tokens` [B]; outputs: `logits` [B, V] after these tokens, keys and values [T, K * headDim]. */
export function prefillProgram(
  folder: WeightSource,
  method: TrainingMethod | undefined,
  { precision, attention: style }: ProgramStyle,
): GenerationProgram {
  const { graph, attention, hidden } = generating(
    folder,
    { method, precision, tokens: 'T' },
    (own, inputs) => new PackAttention(own, inputs, style),
  );
  const last = graph.input('last_tokens', 'i64', ['B']);
  addLogits(folder, hidden.model, gather(hidden.value, last));
  return { graph, layers: attention.layers, windows: attention.inner.windows };
}

/**
 * One token more for each of B sequences. Inputs beside tokens, positions and rotary tables: of each layer past_keys_i and
 * past_values_i [B, K, C, headDim], and for each window a mask [B, 1, 1, C]; outputs: `logits` [B, V], keys and values of
 * the tokens [B, K * headDim].
 */
export function decodeProgram(
  folder: WeightSource,
  method: TrainingMethod | undefined,
  { precision }: ProgramStyle,
): GenerationProgram {
  const { graph, attention, hidden } = generating(
    folder,
    { method, precision, tokens: 'B' },
    (own) => new CachedAttention(own),
  );
  addLogits(folder, hidden.model, hidden.value);
  return { graph, layers: attention.layers, windows: [] };
}

function generating<Inner extends LayerAttention>(
  folder: WeightSource,
  options: { method: TrainingMethod | undefined; precision: ProgramStyle['precision']; tokens: string },
  attention: (graph: Graph, inputs: TokenInputs) => Inner,
) {
  const model = new ModelGraph(
    folder,
    { ...options, activations: 'kept' },
    (graph, inputs) => new NotingAttention(attention(graph, inputs)),
  );
  const value = folder.definition.hidden(model);
  return { graph: model.graph, attention: model.attention, hidden: { model, value } };
}

/** `logits` [B, V] of hidden states [B, D], in float32. */
function addLogits({ definition }: WeightSource, model: ModelGraph<LayerAttention>, hidden: Value): void {
  const { headWeight, logitSoftCap: cap } = definition;
  const products = widened(gemm(hidden, model.parameter(headWeight), { transB: true }));
  const logits = cap === undefined ? products : mul(tanh(div(products, cap)), cap);
  model.graph.output('logits', cast(logits, 'f32'));
}
