import type { Value } from '@alphapo/graph';
import type { AttentionShape } from './attending.ts';

/** Axis names used throughout: T tokens of a pack, D hidden, F intermediate, H heads, K key-value heads, V vocabulary. */

/** A parameter as the checkpoint stores it. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** How a fresh model starts: normal with the configuration's deviation, ones (norms) or zeros (biases). */
  readonly start: 'normal' | 'ones' | 'zeros';
}

/** A linear layer: what LoRA can be put beside. */
export interface LinearLayer {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`; its weight is `<name>.weight`. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** `out-in` as in torch.nn.Linear, `in-out` as in GPT-2's Conv1D. */
  readonly layout: 'out-in' | 'in-out';
  readonly bias: boolean;
}

/** What describes tokens to the layers of a model. */
export interface TokenInputs {
  /** Token ids [T]. */
  readonly tokens: Value;
  /** Position of each token in its own sequence [T]. */
  readonly positions: Value;
  /** Rotary tables [1, T, rotated dimensions of a head / 2], for models that rotate. */
  readonly rotary: { readonly cos: Value; readonly sin: Value } | undefined;
}

/** What says which tokens of a pack see each other. */
export interface PackInputs {
  /** Position of each token in its own sequence [T]. */
  readonly positions: Value;
  /** Which row (pair or sequence) a token belongs to [T]. */
  readonly rows: Value;
  /** 0 for prompt tokens, which all of their row's responses see; 1, 2, … for the responses [T]. */
  readonly branches: Value;
}

/** Queries [T, H * headDim], rotated where the model rotates, keys and values [T, K * headDim]. */
export interface AttentionParts {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/**
 * For each of N blocks of attention, the last of the pack first, places on the token axis [N, 1], and vectors for Pad [N, 4]; see
 * attention.ts. A position is a token's place in its own sequence, or in its block where that is of whole rows.
 */
export interface BlockPlaces {
  readonly queryStart: Value;
  /** Keys of the prompt that the block sees: from prefixStart to prefixEnd. */
  readonly prefixStart: Value;
  readonly prefixEnd: Value;
  /** Keys of the queries' own part: from ownStart to end. */
  readonly ownStart: Value;
  /** End of the queries. */
  readonly end: Value;
  readonly queryCount: Value;
  readonly keyCount: Value;
  /** Position of the first query, and the one after that of the last. */
  readonly firstPosition: Value;
  readonly endPosition: Value;
  /** Brings queries to Q rows, the most of any block. */
  readonly queryPads: Value;
  /** Brings keys to their positions among L, as many as any block reaches. */
  readonly keyPads: Value;
  /** Brings what is before the first query to L positions. */
  readonly earlierPads: Value;
  /** Brings masks to [Q, R], R the most keys of any block. */
  readonly maskPads: Value;
}

/** The blocks that attention is computed in. */
export interface AttentionBlocks {
  readonly places: BlockPlaces;
  /** Additive masks [N, Q, R]: 0 where a query sees a key, very negative elsewhere. */
  readonly masks: Value;
  /** Where each token's query is among the padded blocks [N, Q], flat: [T]. */
  readonly queryRows: Value;
  /** Zeros [L, 1], in float32. */
  readonly positionZeros: Value;
}

/** A pack as a single block. */
export interface WholePack {
  /** Additive mask [T, T]: 0 where a token sees another, very negative elsewhere. */
  readonly mask: Value;
}

/** What an architecture computes with: its parameters, frozen or trained, and the pack's inputs. */
export interface LayerContext {
  readonly inputs: TokenInputs;
  /** A parameter: a matrix in the element type of the activations, a vector (of norms and biases) in float32. */
  parameter(name: string): Value;
  /** x [T, in] through a linear layer, its bias and its low-rank factors, if any: [T, out]. */
  linear(name: string, x: Value): Value;
  /** A layer's result for x [T, D]; what it computes on the way is kept for the gradient, or computed again. */
  layer(x: Value, compute: (x: Value) => Value): Value;
  /**
   * What a layer's queries take from the values that they see, within a sliding window or at all earlier positions:
   * [T, H * headDim]. Layers call it in their order, each once.
   */
  attend(parts: AttentionParts, shape: AttentionShape, slidingWindow: number | undefined): Value;
}

/** Rotary frequencies: the angle of position p in dimension pair i is p * inverseFrequencies[i], in radians. */
export interface Rotary {
  readonly inverseFrequencies: Float64Array;
  /** Other frequencies for sequences of more than `above` tokens. */
  readonly long: { readonly above: number; readonly inverseFrequencies: Float64Array } | undefined;
  /** Factor of cosines and sines. */
  readonly magnitude: number;
}

/** A model as its configuration defines it. */
export interface ModelDefinition {
  readonly modelType: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly maxPositions: number;
  /** Deviation of fresh weights. */
  readonly initializerRange: number;
  readonly parameters: readonly Parameter[];
  readonly linears: readonly LinearLayer[];
  /** The parameter [V, D] that turns hidden states into logits; the embedding's where they are tied. */
  readonly headWeight: string;
  /** Logits are bent to stay within this, by cap * tanh(logit / cap). */
  readonly logitSoftCap: number | undefined;
  readonly rotary: Rotary | undefined;
  /** Hidden states [T, D] after the final norm. */
  hidden(context: LayerContext): Value;
}
