import { type Random, seededRandom } from '@alphapo/base';
import type { TokenLogProb } from './log-softmax.ts';
import type { SamplingSettings } from './sampling.ts';

/** What continuations are asked for. */
export interface GenerationRequest {
  /** Token ids of each prompt; none is empty. */
  readonly prompts: readonly (readonly number[])[];
  /** Continuations of each prompt: sequences are numbered by prompt, then by continuation. */
  readonly continuations: number;
  /** Tokens of a continuation, at most. */
  readonly maxTokens: number;
  /** Tokens that end a continuation; they are a part of it. */
  readonly endTokens: readonly number[];
  readonly sampling: SamplingSettings;
  readonly seed: number;
  /** So many of the most probable tokens are given beside each token; none where absent. */
  readonly topLogProbs?: number | undefined;
  /** `alone`: each sequence is computed by itself, so that its bits depend on nothing else. */
  readonly batching: 'together' | 'alone';
}

/** Why a continuation ended: by an end token, at its longest, or because the caller had enough. */
export type Finish = 'end' | 'length' | 'stopped';

/** A token of a sequence of a request. */
export interface GeneratedToken extends TokenLogProb {
  readonly sequence: number;
  /** The most probable tokens at its place, where the request asks for them. */
  readonly top?: readonly TokenLogProb[];
  /** Set with the last token. */
  readonly finish?: Finish;
}

/** The tokens of a sequence under the model: of each but the first, which follows nothing. */
export interface TokenScores {
  /** In nats, each after the tokens before it. */
  readonly logProbs: readonly number[];
  /** The most probable tokens at the same places, best first. */
  readonly top: readonly (readonly TokenLogProb[])[];
}

/** What follows a prompt. */
export interface Continuation {
  readonly tokens: readonly number[];
  /** Of each token under the model itself, before penalty, temperature and cuts; in nats. */
  readonly logProbs: readonly number[];
  readonly finish: Finish;
}

/** A request under way. */
export interface Generation {
  readonly request: GenerationRequest;
  emit(tokens: readonly GeneratedToken[]): void;
}

const CONTINUATION_STRIDE = 0x85ebca6b;

/** A prompt that is continued: all its tokens so far, of which the cache may hold those before the last one. */
export class Sequence {
  readonly generation: Generation;
  readonly number: number;
  readonly tokens: number[];
  readonly occurred: Set<number>;
  /** Depends on the seed, the prompt, and which of its continuations it is: not on what else is asked for or computed. */
  readonly random: Random;
  /** Tokens that it can come to, prompt included. */
  readonly longest: number;
  #finish: Finish | undefined;

  /** `longest`: tokens that any sequence of the model can have. */
  constructor(generation: Generation, prompt: number, { index, longest }: { index: number; longest: number }) {
    const { request } = generation;
    this.generation = generation;
    this.number = prompt * request.continuations + index;
    this.tokens = [...(request.prompts[prompt] as readonly number[])];
    this.occurred = new Set(this.tokens);
    this.longest = Math.min(longest, this.tokens.length + request.maxTokens);
    const offset = hashOf(this.tokens) + Math.imul(index, CONTINUATION_STRIDE);
    this.random = seededRandom((request.seed + offset) >>> 0);
  }

  get finish(): Finish | undefined {
    return this.#finish;
  }

  take({ token, logProb }: TokenLogProb): GeneratedToken {
    const { endTokens } = this.generation.request;
    this.tokens.push(token);
    this.occurred.add(token);
    if (endTokens.includes(token)) this.#finish = 'end';
    else if (this.tokens.length >= this.longest) this.#finish = 'length';
    const taken = { sequence: this.number, token, logProb };
    return this.#finish === undefined ? taken : { ...taken, finish: this.#finish };
  }

  /** The caller wants no further token of it. */
  stop(): void {
    this.#finish ??= 'stopped';
  }
}

/** FNV-1a over the tokens, by 32 bits each. */
function hashOf(tokens: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const token of tokens) hash = Math.imul(hash ^ token, 0x01000193);
  return hash;
}
