import { AlphapoError } from '@alphapo/base';
import type { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { AddedTokenSplitter } from './added-token-splitter.ts';
import type { AddedToken } from './added-tokens.ts';

/**
 * Token ids of texts: added tokens first, then what stands between them through the parts of @huggingface/tokenizers
 * (normalizer, pre-tokenizer, model, post-processor).
 */
export class TokenEncoder {
  readonly #parts: HuggingFaceTokenizer;
  /** Found before and after the text is normalized. */
  readonly #verbatim: AddedTokenSplitter;
  readonly #normalized: AddedTokenSplitter;

  constructor(parts: HuggingFaceTokenizer, tokens: readonly AddedToken[]) {
    this.#parts = parts;
    const isNormalized = ({ normalized }: AddedToken) => normalized && parts.normalizer !== null;
    const verbatim = tokens.filter((token) => !isNormalized(token));
    this.#verbatim = new AddedTokenSplitter(verbatim.map((token) => [token.content, token]));
    const normalized = tokens.filter(isNormalized);
    this.#normalized = new AddedTokenSplitter(normalized.map((token) => [this.#normalize(token.content), token]));
  }

  /** Errors: LONE_SURROGATE for text that is no Unicode, UNKNOWN_CHARACTER for what there is no token for. */
  encode(text: string, addSpecialTokens: boolean): number[] {
    if (!text.isWellFormed()) {
      throw new AlphapoError(
        'invalid-argument',
        'LONE_SURROGATE',
        'the text has a lone surrogate, which is not a character; replace it, for example by U+FFFD',
      );
    }
    const tokens = this.#tokensOf(text);
    const { post_processor: finish } = this.#parts;
    const finished = (finish?.post_process(tokens, null, addSpecialTokens).tokens ?? tokens) as string[];
    return finished.map((token) => this.#idOf(token));
  }

  #tokensOf(text: string): string[] {
    return this.#verbatim
      .split(text)
      .flatMap((piece, i) => ('token' in piece ? [piece.token.content] : this.#tokensBetween(piece.text, i === 0)));
  }

  #tokensBetween(text: string, isFirst: boolean): string[] {
    const pieces = this.#normalized.split(this.#normalize(text));
    return pieces.flatMap((piece, i) =>
      'token' in piece ? [piece.token.content] : this.#modelTokens(piece.text, isFirst && i === 0),
    );
  }

  #modelTokens(text: string, isFirst: boolean): string[] {
    const { pre_tokenizer: cut, model } = this.#parts;
    // The pre-tokenizers that put a space before a text look at the section's index.
    const words = cut === null ? [text] : cut.pre_tokenize(text, { section_index: isFirst ? 0 : 1 });
    return model?._call(words) ?? [];
  }

  #normalize(text: string): string {
    return this.#parts.normalizer?.normalize(text) ?? text;
  }

  #idOf(token: string): number {
    const id = this.#parts.token_to_id(token) ?? this.#parts.model?.unk_token_id;
    if (id !== undefined) return id;
    throw new AlphapoError(
      'invalid-argument',
      'UNKNOWN_CHARACTER',
      `the tokenizer has no token for ${JSON.stringify(token)}, and none for unknown text; remove it`,
    );
  }
}
