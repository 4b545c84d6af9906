import type { Tokenizer } from './tokenizer.ts';

/** What a token added to a text: the characters that are certain now, and whether a stop string has come. */
export interface TextPiece {
  readonly text: string;
  readonly stopped: boolean;
}

/** What decoders write for bytes that are no whole character. */
const REPLACEMENT = '\ufffd';
/** Tokens before the newest one that are decoded with it: more than the bytes of a character, or the words that a decoder joins. */
const CONTEXT_TOKENS = 16;

/**
 * The text of a continuation as its tokens come. A character of which some bytes are missing is held back, and so is what may
 * be the beginning of a stop string; a stop string itself is not given out. Special tokens are left out.
 */
export class ContinuationText {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  /** The tokens behind which the text is settled, then those that were decoded with them. */
  #tokens: number[];
  /** Text of `#tokens` that has been taken over into `#held` or given out. */
  #settled: string;
  #held = '';
  #stopped = false;

  /** `prompt`: tokens before the continuation; some decoders write a first word differently than one behind another. */
  constructor(tokenizer: Pick<Tokenizer, 'decode'>, prompt: readonly number[], stops: readonly string[] = []) {
    this.#decode = (ids) => tokenizer.decode(ids, { skipSpecialTokens: true });
    this.#stops = stops.filter((stop) => stop !== '');
    this.#tokens = prompt.slice(-CONTEXT_TOKENS);
    this.#settled = this.#decode(this.#tokens);
  }

  /** Takes the next token. */
  push(token: number): TextPiece {
    if (this.#stopped) return { text: '', stopped: true };
    this.#tokens.push(token);
    const text = this.#decode(this.#tokens);
    if (!text.endsWith(REPLACEMENT)) {
      this.#held += text.slice(this.#settled.length);
      this.#tokens = this.#tokens.slice(-CONTEXT_TOKENS);
      this.#settled = this.#decode(this.#tokens);
    }
    return this.#take();
  }

  /** What was held back, when no more tokens come. */
  end(): string {
    if (this.#stopped) return '';
    const rest = this.#held + this.#decode(this.#tokens).slice(this.#settled.length);
    this.#held = '';
    this.#settled = this.#decode(this.#tokens);
    return rest;
  }

  #take(): TextPiece {
    const places = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((place) => place >= 0);
    if (places.length > 0) {
      this.#stopped = true;
      return { text: this.#held.slice(0, Math.min(...places)), stopped: true };
    }
    const kept = Math.max(0, ...this.#stops.map((stop) => overlap(this.#held, stop)));
    const text = this.#held.slice(0, this.#held.length - kept);
    this.#held = this.#held.slice(this.#held.length - kept);
    return { text, stopped: false };
  }
}

/** Characters at the end of a text with which a stop string begins. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
