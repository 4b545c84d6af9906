import { AlphapoError } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import type { Tokenizer } from './tokenizer.ts';

/** Where the prompt ends and the responses begin, in token ids. */

/** A prompt and some responses to it. */
export type Exchange =
  | { readonly kind: 'text'; readonly prompt: string; readonly responses: readonly string[] }
  | {
      readonly kind: 'messages';
      readonly prompt: readonly Message[];
      readonly responses: readonly (readonly Message[])[];
    }
  | { readonly kind: 'tokens'; readonly prompt: Ids; readonly responses: readonly Ids[] };

type Ids = readonly number[];

export interface Split {
  readonly prompt: Ids;
  readonly responses: readonly Ids[];
}

/** Whether text responses get the tokenizer's end-of-sequence token. */
export type EndOfText = 'append' | 'leave';

/**
 * Token ids of an exchange. The prompt is what the encodings of the prompt and of prompt + response, for each response,
 * have in common: where a token spans both, the prompt ends before it, so that the text is reproduced exactly and all
 * responses share their prompt. Where nothing is left of it, the beginning-of-sequence token stands for it, if there is
 * one.
 *
 * Errors: UNKNOWN_TOKEN, TEMPLATE_REFUSED, TEMPLATE_REWRITES_PROMPT.
 */
export function splitExchange(tokenizer: Tokenizer, exchange: Exchange, endOfText: EndOfText): Split {
  switch (exchange.kind) {
    case 'tokens':
      checkIds(exchange, tokenizer.vocabularySize);
      return exchange;
    case 'text':
      return afterCommonPrefix(tokenizer, ...textIds(tokenizer, exchange, endOfText));
    case 'messages':
      return afterCommonPrefix(tokenizer, ...messageIds(tokenizer, exchange));
  }
}

function checkIds({ prompt, responses }: Split, vocabularySize: number): void {
  const unknown = [prompt, ...responses].flat().find((id) => id >= vocabularySize);
  if (unknown === undefined) return;
  throw invalid(
    'UNKNOWN_TOKEN',
    `token id ${unknown} is not below the vocabulary size ${vocabularySize}; use the ids of the model's own tokenizer`,
  );
}

type Encoded = readonly [prompt: Ids, full: readonly Ids[]];

/** The prompt gets the special tokens of the tokenizer's post-processor, the responses its end-of-sequence token. */
function textIds(tokenizer: Tokenizer, exchange: Exchange & { kind: 'text' }, endOfText: EndOfText): Encoded {
  const eos = endOfText === 'append' ? tokenizer.special.eos : undefined;
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: true });
  const full = exchange.responses.map((response) => {
    const ids = encode(exchange.prompt + response);
    return eos === undefined || ids.at(-1) === eos ? ids : [...ids, eos];
  });
  return [encode(exchange.prompt), full];
}

/** As the chat template writes it, special tokens included; nothing is added. */
function messageIds(tokenizer: Tokenizer, exchange: Exchange & { kind: 'messages' }): Encoded {
  const { chatTemplate } = tokenizer;
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  const prompt = chatTemplate.render(exchange.prompt, { addGenerationPrompt: true });
  const full = exchange.responses.map((response) => {
    const text = chatTemplate.render([...exchange.prompt, ...response], { addGenerationPrompt: false });
    if (!text.startsWith(prompt)) checkPromptKept(tokenizer, exchange.prompt, prompt, text);
    return text;
  });
  return [encode(prompt), full.map(encode)];
}

/**
 * Some templates write the messages of a prompt differently once more messages follow (moving the system message, say).
 * What then differs would be learned as if it were the response. They may differ in what invites the response, after the
 * prompt's last message.
 */
function checkPromptKept(tokenizer: Tokenizer, messages: readonly Message[], prompt: string, full: string): void {
  const lastMessage = messages.at(-1)?.content?.trim() ?? '';
  const uninvited = tokenizer.chatTemplate.render(messages, { addGenerationPrompt: false });
  const at = prompt.slice(0, commonLength(prompt, uninvited)).lastIndexOf(lastMessage);
  if (lastMessage === '' || at < 0 || commonLength(prompt, full) >= at + lastMessage.length) return;
  throw invalid(
    'TEMPLATE_REWRITES_PROMPT',
    'the chat template writes the prompt differently when a response follows; give one turn as response, or another template',
  );
}

function commonLength<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  const limit = Math.min(a.length, b.length);
  let common = 0;
  while (common < limit && a[common] === b[common]) common++;
  return common;
}

function afterCommonPrefix(tokenizer: Tokenizer, prompt: Ids, full: readonly Ids[]): Split {
  const length = Math.min(...full.map((ids) => commonLength(prompt, ids)));
  const { bos } = tokenizer.special;
  const common = length === 0 && bos !== undefined ? [bos] : prompt.slice(0, length);
  return { prompt: common, responses: full.map((ids) => ids.slice(length)) };
}

function invalid(reason: string, message: string): AlphapoError {
  return new AlphapoError('invalid-argument', reason, message);
}
