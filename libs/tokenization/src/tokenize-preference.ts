import { AlphapoError } from '@alphapo/base';
import type { Message, Preference, Rejection } from '@alphapo/data';
import type { Exchange } from './exchange.ts';
import { type TokenLimits, withinLimits } from './limits.ts';
import { checkEmbedded, type EndOfText, splitExchange } from './split.ts';
import { wasTemplated } from './templated-before.ts';
import { checkCharacters } from './text-size.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface TokenizeOptions extends TokenLimits {
  /** Whether a text response ends with the tokenizer's end-of-sequence token: by default it does. */
  readonly endOfText?: EndOfText;
}

/** A preference as token ids, within the limits. */
interface TokenizedPreference {
  readonly id: string | undefined;
  /** What the pair counts in the loss; undefined: 1. */
  readonly weight: number | undefined;
  readonly prompt: number[];
  readonly chosen: number[];
  readonly rejected: number[];
  /** Tokens that the limits cut off. */
  readonly truncated: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

/** The reasons for which a parsed preference has no token ids. */
export type TokenReason =
  | 'EMPTY_PROMPT'
  | 'EMPTY_RESPONSE'
  | 'IDENTICAL_RESPONSES'
  | 'PROMPT_TOO_LONG'
  | 'TEXT_TOO_LONG'
  | 'UNKNOWN_TOKEN'
  | 'NO_TOKENIZER'
  | 'UNKNOWN_CHARACTER'
  | 'LONE_SURROGATE'
  | 'TEMPLATE_REFUSED'
  | 'TEMPLATE_OUTPUT_TOO_LONG'
  | 'TEMPLATE_REWRITES_PROMPT'
  // The chat template leaves out what the record says.
  | 'TEMPLATE_DROPS_RESPONSE'
  | 'TEMPLATE_DROPS_MESSAGE'
  | 'TEMPLATE_DROPS_TOOLS'
  // What its thread was stopped for.
  | 'RECORD_TOO_COMPLEX'
  | 'TEMPLATE_TIMEOUT'
  | 'TEMPLATE_OUT_OF_MEMORY'
  | 'TOKENIZATION_TIMEOUT'
  | 'TOKENIZATION_OUT_OF_MEMORY';

export type TokenizeResult =
  | {
      readonly ok: true;
      readonly pair: TokenizedPreference;
      /** What the tokens were made from: text as it is, messages by the chat template, or token ids. */
      readonly from: Exchange['kind'];
    }
  | Rejection<TokenReason>;

/**
 * Token ids of a preference, by the rules of `checkCharacters`, `splitExchange` and `withinLimits`.
 *
 * Text: the prompt gets the tokenizer's special tokens, the responses end with its end-of-sequence token; once also where
 * they have them already. Conversations: as the chat template writes them, nothing is added. Token ids are used as they are.
 */
export function tokenizePreference(
  tokenizer: Tokenizer,
  preference: Preference,
  options: TokenizeOptions,
): TokenizeResult {
  return rejecting(() => {
    const exchange = exchangeOf(tokenizer, preference);
    const { prompt, responses, truncated } = tokensOf(tokenizer, exchange, options);
    const [chosen, rejected] = responses as [number[], number[]];
    if (chosen.length === rejected.length && chosen.every((id, i) => id === rejected[i])) {
      throw invalid('IDENTICAL_RESPONSES', `chosen and rejected are the same tokens${cutBy(truncated.responses)}`);
    }
    const [cutChosen = 0, cutRejected = 0] = truncated.responses;
    return {
      ok: true,
      from: exchange.kind,
      pair: {
        id: preference.id,
        weight: preference.weight,
        prompt,
        chosen,
        rejected,
        truncated: { prompt: truncated.prompt, chosen: cutChosen, rejected: cutRejected },
      },
    };
  });
}

/** Token ids of a prompt and one response; the same rules as for pairs. */
export function tokenizeResponse(
  tokenizer: Tokenizer,
  prompt: string | readonly Message[],
  response: string,
  options: TokenizeOptions,
): { readonly ok: true; readonly prompt: number[]; readonly response: number[] } | Rejection<TokenReason> {
  const exchange: Exchange =
    typeof prompt === 'string'
      ? { kind: 'text', prompt, responses: [response] }
      : { kind: 'messages', prompt, responses: [[{ role: 'assistant', content: response }]] };
  return rejecting(() => {
    const made = tokensOf(tokenizer, exchange, options);
    return { ok: true, prompt: made.prompt, response: made.responses[0] as number[] };
  });
}

/** An instruction that has text for models without a chat template is that text also where it was templated before. */
function exchangeOf(tokenizer: Tokenizer, preference: Preference): Exchange {
  const { kind, prompt, chosen, rejected } = preference;
  if (kind === 'messages' && preference.text !== undefined) {
    const { text } = preference;
    if (tokenizer.chatTemplate.source === 'fallback' || wasTemplated(tokenizer, preference.prompt)) {
      return { kind: 'text', prompt: text.prompt, responses: [text.chosen, text.rejected] };
    }
  }
  const tools = kind === 'messages' ? { tools: preference.tools } : {};
  return { kind, prompt, responses: [chosen, rejected], ...tools } as Exchange;
}

/** Errors: those of `checkCharacters`, `splitExchange`, `withinLimits` and `checkEmbedded`, EMPTY_PROMPT, EMPTY_RESPONSE. */
function tokensOf(tokenizer: Tokenizer, exchange: Exchange, options: TokenizeOptions) {
  checkCharacters(exchange, options);
  const split = splitExchange(tokenizer, exchange, options.endOfText ?? 'append');
  const limited = withinLimits(split, options, tokenizer.special.bos);
  if (limited.prompt.length === 0) {
    throw invalid('EMPTY_PROMPT', 'the prompt has no tokens; a response needs at least one before it');
  }
  const empty = limited.responses.findIndex((ids) => ids.length === 0);
  if (empty >= 0) {
    const name = limited.responses.length === 1 ? 'the response' : ['chosen', 'rejected'][empty];
    throw invalid('EMPTY_RESPONSE', `${name} has no tokens; a response needs at least one`);
  }
  checkEmbedded(tokenizer, limited);
  return limited;
}

function cutBy(tokens: readonly number[]): string {
  return tokens.some((count) => count > 0) ? ' within the limits; raise the maximum length' : '; drop the record';
}

/** Errors of the record become values; other errors are thrown. */
function rejecting<Result>(make: () => Result): Result | Rejection<TokenReason> {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof AlphapoError) || error.code !== 'invalid-argument') throw error;
    const { field } = error.metadata;
    const where = field === undefined ? {} : { field };
    return { ok: false, reason: error.reason as TokenReason, message: error.message, ...where };
  }
}

function invalid(reason: TokenReason, message: string): AlphapoError {
  return new AlphapoError('invalid-argument', reason, message);
}
