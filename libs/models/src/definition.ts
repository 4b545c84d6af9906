import type { Value } from '@alphapo/graph';
import type { AttentionShape } from './attending.ts';

/** Names of dimensions: T tokens of a pack, D hidden, F intermediate, H heads, K key-value heads, V vocabulary. */

/** A parameter as the checkpoint stores it. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** How a fresh model starts: normal with the configuration's deviation, ones (norms) or zeros (biases). */
  readonly start: 'normal' | 'ones' | 'zeros';
}

/** A linear layer, to which LoRA can be applied. */
export interface LinearLayer {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`; its weight is `<name>.weight`. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** `out-in` as in torch.nn.Linear, `in-out` as in GPT-2's Conv1D. */
  readonly layout: 'out-in' | 'in-out';
  readonly bias: boolean;
}

/** Inputs of the layers per token. */
export interface TokenInputs {
  /** Token ids [T]. */
  readonly tokens: Value;
  /** Position of each token in its own sequence [T]. */
  readonly positions: Value;
  /** Rotary tables [1, T, rotated dimensions of a head / 2], for models with rotary embeddings. */
  readonly rotary: { readonly cos: Value; readonly sin: Value } | undefined;
}

/** Which tokens of a pack see each other. */
export interface PackInputs {
  /** Position of each token in its own sequence [T]. */
  readonly positions: Value;
  /** Row (pair or sequence) of each token [T]. */
  readonly rows: Value;
  /** 0 for prompt tokens, which all responses of the row see; 1, 2, … for tokens of the responses [T]. */
  readonly branches: Value;
}

/** Queries [T, H * headDim], keys and values [T, K * headDim]; rotary embeddings are applied. */
export interface AttentionParts {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/**
 * Indices on the token axis [N, 1] and paddings [N, 4] of N attention blocks, from the last block of the pack to the first; see
 * attention.ts. A position is the index of a token in its own sequence, or in its block if the block consists of whole rows.
 */
export interface BlockPlaces {
  readonly queryStart: Value;
  /** Prompt keys that the block sees: from prefixStart to prefixEnd. */
  readonly prefixStart: Value;
  readonly prefixEnd: Value;
  /** Keys of the queries' own prompt or response: from ownStart to end. */
  readonly ownStart: Value;
  /** End of the queries. */
  readonly end: Value;
  readonly queryCount: Value;
  readonly keyCount: Value;
  /** Position of the first query, and one past that of the last. */
  readonly firstPosition: Value;
  readonly endPosition: Value;
  /** Pads queries to Q rows, the largest number of any block. */
  readonly queryPads: Value;
  /** Pads keys to their positions among L, the largest number that any block reaches. */
  readonly keyPads: Value;
  /** Pads the positions before the first query to L. */
  readonly earlierPads: Value;
  /** Pads masks to [Q, R], where R is the largest number of keys of any block. */
  readonly maskPads: Value;
}

/** The blocks in which attention is computed. */
export interface AttentionBlocks {
  readonly places: BlockPlaces;
  /** Additive masks [N, Q, R]: 0 where a query sees a key, very negative elsewhere. */
  readonly masks: Value;
  /** Flat index of each token's query in the padded blocks [N, Q]: [T]. */
  readonly queryRows: Value;
  /** Zeros [L, 1], in float32. */
  readonly positionZeros: Value;
}

/** A pack as a single block. */
export interface WholePack {
  /** Additive mask [T, T]: 0 where a token sees another, very negative elsewhere. */
  readonly mask: Value;
}

/** What an architecture builds its graph from: parameters, frozen or trained, and the inputs of the pack. */
export interface LayerContext {
  readonly inputs: TokenInputs;
  /** A parameter: a matrix in the element type of the activations, a vector (of norms and biases) in float32. */
  parameter(name: string): Value;
  /** x [T, in] through a linear layer, its bias and its low-rank factors, if any: [T, out]. */
  linear(name: string, x: Value): Value;
  /** Applies a layer to x [T, D]; its activations are kept for the backward pass, or recomputed. */
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
  /** Scale of cosines and sines. */
  readonly magnitude: number;
}

/** A model as its configuration defines it. */
export interface ModelDefinition {
  readonly modelType: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly maxPositions: number;
  /** Standard deviation of initial weights. */
  readonly initializerRange: number;
  readonly parameters: readonly Parameter[];
  readonly linears: readonly LinearLayer[];
  /** The output projection [V, D]; the embedding's name if they are tied. */
  readonly headWeight: string;
  /** Soft cap of the logits: cap * tanh(logit / cap). */
  readonly logitSoftCap: number | undefined;
  readonly rotary: Rotary | undefined;
  /** Hidden states [T, D] after the final norm. */
  hidden(context: LayerContext): Value;
}
