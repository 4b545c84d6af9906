import type { TokenLogProb } from '@alphapo/engine';

/** Log-probabilities as OpenAI's API has them. */

/** Tokens with their log-probabilities; null: the first token of a prompt follows nothing. */
export interface ScoredTokens {
  readonly tokens: readonly number[];
  readonly logProbs: readonly (number | null)[];
  readonly top: readonly (readonly TokenLogProb[] | null)[];
}

type TextOf = (tokens: readonly number[]) => string;

/** Of a completion. `offset`: characters before the first token. */
export function completionLogProbs({ tokens, logProbs, top }: ScoredTokens, textOf: TextOf, offset = 0) {
  const texts = tokens.map((token) => textOf([token]));
  let end = offset;
  return {
    tokens: texts,
    token_logprobs: logProbs,
    top_logprobs: tokens.map((_, i) => {
      const candidates = top[i];
      if (candidates === null || candidates === undefined) return null;
      // Of tokens that have the same text, as parts of characters do, the most probable one is named.
      return Object.fromEntries(
        candidates.map(({ token, logProb }) => [textOf([token]), logProb] as const).toReversed(),
      );
    }),
    text_offset: texts.map((text) => {
      end += text.length;
      return end - text.length;
    }),
  };
}

/** Of a chat message. */
export function chatLogProbs({ tokens, logProbs, top }: ScoredTokens, textOf: TextOf) {
  const named = (token: number, logprob: number | null) => {
    const text = textOf([token]);
    return { token: text, logprob, bytes: [...Buffer.from(text)] };
  };
  const content = tokens.map((token, i) => ({
    ...named(token, logProbs[i] ?? null),
    top_logprobs: (top[i] ?? []).map((candidate) => named(candidate.token, candidate.logProb)),
  }));
  return { content, refusal: null };
}
