import { AlphapoError } from '@alphapo/base';
import type { Message, Preference, Rejection } from '@alphapo/data';
import type { Tokenizer } from './tokenizer.ts';

/** Limits in tokens. */
export interface TokenLimits {
  /** Longest prompt + response. */
  readonly maxLength: number;
  readonly maxPromptLength: number;
}

/** A preference as token ids, within the limits. */
interface TokenizedPreference {
  readonly id: string | undefined;
  readonly prompt: number[];
  readonly chosen: number[];
  readonly rejected: number[];
  /** Tokens that the limits cut off. */
  readonly truncated: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

export type TokenizeResult = { readonly ok: true; readonly pair: TokenizedPreference } | Rejection;

/**
 * Token ids of a preference.
 *
 * Text: the prompt gets the tokenizer's special tokens, the responses end with its end-of-sequence token. Conversations:
 * as the chat template writes them, nothing is added. Where a token spans prompt and response, the prompt ends before
 * it: the prompt is what the encodings of prompt, prompt + chosen and prompt + rejected have in common, so that the text
 * is reproduced exactly and both responses share their prompt. Token ids are used as they are.
 *
 * A prompt that is too long loses its start (but keeps a beginning-of-sequence token), a response its end.
 */
export function tokenizePreference(tokenizer: Tokenizer, preference: Preference, limits: TokenLimits): TokenizeResult {
  try {
    const split = splitOf(tokenizer, preference);
    for (const id of [split.prompt, ...split.responses].flat()) {
      if (id >= tokenizer.vocabularySize) {
        return refuse('UNKNOWN_TOKEN', `token id ${id} is not below the vocabulary size ${tokenizer.vocabularySize}`);
      }
    }
    return withinLimits(tokenizer, preference.id, split, limits);
  } catch (error) {
    if (error instanceof AlphapoError && error.code === 'invalid-argument') return refuse(error.reason, error.message);
    throw error;
  }
}

/** Token ids of a prompt and one response; the same rules as for pairs. */
export function tokenizeResponse(
  tokenizer: Tokenizer,
  prompt: string | readonly Message[],
  response: string,
  limits: TokenLimits,
): { readonly ok: true; readonly prompt: number[]; readonly response: number[] } | Rejection {
  const preference: Preference =
    typeof prompt === 'string'
      ? { kind: 'text', prompt, chosen: response, rejected: response }
      : { kind: 'messages', prompt, chosen: [assistant(response)], rejected: [assistant(response)] };
  const result = tokenizePreference(tokenizer, preference, limits);
  return result.ok ? { ok: true, prompt: result.pair.prompt, response: result.pair.chosen } : result;
}

const assistant = (content: string): Message => ({ role: 'assistant', content });

interface Split {
  readonly prompt: readonly number[];
  readonly responses: readonly (readonly number[])[];
}

function splitOf(tokenizer: Tokenizer, preference: Preference): Split {
  switch (preference.kind) {
    case 'tokens':
      return { prompt: preference.prompt, responses: [preference.chosen, preference.rejected] };
    case 'text': {
      const { eos } = tokenizer.special;
      const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: true });
      const full = [preference.chosen, preference.rejected].map((response) => {
        const ids = encode(preference.prompt + response);
        return eos === undefined || ids.at(-1) === eos ? ids : [...ids, eos];
      });
      return splitAtCommonPrefix(encode(preference.prompt), full);
    }
    case 'messages': {
      const encode = (messages: readonly Message[], addGenerationPrompt: boolean) =>
        // The template writes the special tokens that it wants.
        tokenizer.encode(tokenizer.chatTemplate.render(messages, { addGenerationPrompt }), { addSpecialTokens: false });
      const full = [preference.chosen, preference.rejected].map((response) =>
        encode([...preference.prompt, ...response], false),
      );
      return splitAtCommonPrefix(encode(preference.prompt, true), full);
    }
  }
}

function splitAtCommonPrefix(prompt: readonly number[], full: readonly (readonly number[])[]): Split {
  let length = prompt.length;
  for (const ids of full) {
    let common = 0;
    while (common < length && ids[common] === prompt[common]) common++;
    length = common;
  }
  return { prompt: prompt.slice(0, length), responses: full.map((ids) => ids.slice(length)) };
}

function withinLimits(
  tokenizer: Tokenizer,
  id: string | undefined,
  { prompt, responses }: Split,
  { maxLength, maxPromptLength }: TokenLimits,
): TokenizeResult {
  if (prompt.length === 0) {
    return refuse('EMPTY_PROMPT', 'the prompt has no tokens; a response needs at least one before it');
  }
  const shortPrompt = keepEnd(prompt, maxPromptLength, tokenizer.special.bos);
  const [chosen, rejected] = responses.map((ids) => ids.slice(0, maxLength - shortPrompt.length));
  if (!chosen?.length || !rejected?.length) {
    return refuse('EMPTY_RESPONSE', `${chosen?.length ? 'rejected' : 'chosen'} has no tokens within the limits`);
  }
  return {
    ok: true,
    pair: {
      id,
      prompt: shortPrompt,
      chosen,
      rejected,
      truncated: {
        prompt: prompt.length - shortPrompt.length,
        chosen: (responses[0]?.length ?? 0) - chosen.length,
        rejected: (responses[1]?.length ?? 0) - rejected.length,
      },
    },
  };
}

function keepEnd(prompt: readonly number[], limit: number, bos: number | undefined): number[] {
  if (prompt.length <= limit) return [...prompt];
  if (bos !== undefined && prompt[0] === bos && limit > 1) return [bos, ...prompt.slice(1 - limit)];
  return prompt.slice(-limit);
}

function refuse(reason: string, message: string): Rejection {
  return { ok: false, reason, message };
}
