import { AlphapoError } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import { begunOnce, endedOnce } from './begun-and-ended.ts';
import type { Exchange, Ids, Split } from './exchange.ts';
import { checkPromptSaid, checkToolsSaid, droppedFromResponse, missingOfResponse } from './said-in-text.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Where the prompt ends and the responses begin, in token ids. */

/** Whether text responses get the tokenizer's end-of-sequence token. */
export type EndOfText = 'append' | 'leave';

/**
 * Token ids of an exchange. The prompt is what the encodings of the prompt and of prompt + response, for each response,
 * have in common: where a token spans both, the prompt ends before it, so that the text is reproduced exactly and all
 * responses share their prompt. Where nothing is left of it, the beginning-of-sequence token stands for it, if there is
 * one.
 *
 * Errors: UNKNOWN_TOKEN, TEMPLATE_REFUSED, TEMPLATE_REWRITES_PROMPT; TEMPLATE_DROPS_RESPONSE, TEMPLATE_DROPS_MESSAGE and
 * TEMPLATE_DROPS_TOOLS where the chat template leaves out what a message says.
 */
export function splitExchange(tokenizer: Tokenizer, exchange: Exchange, endOfText: EndOfText): Split {
  switch (exchange.kind) {
    case 'tokens':
      checkIds(exchange, tokenizer.vocabularySize);
      return exchange;
    case 'text':
      return afterCommonPrefix(tokenizer, ...textIds(tokenizer, exchange, endOfText));
    case 'messages':
      return afterCommonPrefix(tokenizer, ...messageIds(tokenizer, exchange, endOfText));
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

/**
 * Some tokenizers have more tokens than their model has embeddings. Errors: UNKNOWN_TOKEN with the id and the token's text.
 */
export function checkEmbedded(tokenizer: Tokenizer, { prompt, responses }: Split): void {
  const { modelVocabularySize: size } = tokenizer;
  if (size === undefined) return;
  const unknown = [prompt, ...responses].map((ids) => ids.find((id) => id >= size)).find((id) => id !== undefined);
  if (unknown === undefined) return;
  const text = JSON.stringify(tokenizer.decode([unknown], { skipSpecialTokens: false }));
  throw invalid(
    'UNKNOWN_TOKEN',
    `token id ${unknown} (${text}) is not below the model's vocabulary size ${size} (vocab_size of config.json): ` +
      'the model has no embedding for it; remove the token from the text',
  );
}

type Encoded = readonly [prompt: Ids, full: readonly Ids[]];

/** The prompt gets the special tokens of the tokenizer's post-processor, the responses its end-of-sequence token. */
function textIds(
  tokenizer: Tokenizer,
  { prompt, responses }: Exchange & { kind: 'text' },
  endOfText: EndOfText,
): Encoded {
  return asText(
    tokenizer,
    prompt,
    responses.map((response) => prompt + response),
    endOfText,
  );
}

function asText(tokenizer: Tokenizer, prompt: string, full: readonly string[], endOfText: EndOfText): Encoded {
  const encode = (text: string) => begunOnce(tokenizer, tokenizer.encode(text, { addSpecialTokens: true }));
  const promptIds = encode(prompt);
  return [
    promptIds,
    full.map((text) => {
      const ids = encode(text);
      return endOfText === 'append' ? endedOnce(tokenizer, ids, commonLength(promptIds, ids)) : ids;
    }),
  ];
}

/**
 * As the chat template writes it, special tokens included; nothing is added. Where the model has no template, what stands in
 * for it knows no special tokens, and the text gets them as other text does.
 */
function messageIds(tokenizer: Tokenizer, exchange: Exchange & { kind: 'messages' }, endOfText: EndOfText): Encoded {
  const { chatTemplate } = tokenizer;
  const { tools } = exchange;
  const prompt = chatTemplate.render(exchange.prompt, { addGenerationPrompt: true, tools });
  checkPromptSaid(exchange.prompt, prompt);
  checkToolsSaid(chatTemplate, exchange.prompt, tools, prompt);
  const uninvited = once(() => chatTemplate.render(exchange.prompt, { addGenerationPrompt: false, tools }));
  const full = exchange.responses.map((response, i) => {
    const text = chatTemplate.render([...exchange.prompt, ...response], { addGenerationPrompt: false, tools });
    if (!text.startsWith(prompt)) checkPromptKept(exchange.prompt, { prompt, uninvited: uninvited(), full: text });
    checkResponseSaid(response, responseName(exchange, i), { prompt, uninvited, full: text });
    return text;
  });
  if (chatTemplate.source === 'fallback') return asText(tokenizer, prompt, full, endOfText);
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  return [encode(prompt), full.map(encode)];
}

const responseName = ({ responses }: Exchange, i: number) =>
  responses.length === 1 ? 'response' : (['chosen', 'rejected'][i] as string);

/** The response may begin before the prompt ends: with the `<think>` that some templates invite it with. */
function checkResponseSaid(
  response: readonly Message[],
  name: string,
  texts: { readonly prompt: string; readonly uninvited: () => string; readonly full: string },
): void {
  const behind = (text: string) => texts.full.slice(commonLength(text, texts.full));
  if (missingOfResponse(response, behind(texts.prompt), name) === undefined) return;
  const missing = missingOfResponse(response, behind(texts.uninvited()), name);
  if (missing !== undefined) throw droppedFromResponse(missing);
}

/**
 * Some templates write the messages of a prompt differently once more messages follow (moving the system message, say).
 * What then differs would be learned as if it were the response. They may differ in what invites the response, after the
 * prompt's last message.
 */
function checkPromptKept(
  messages: readonly Message[],
  { prompt, uninvited, full }: { readonly prompt: string; readonly uninvited: string; readonly full: string },
): void {
  const lastMessage = messages.at(-1)?.content?.trim() ?? '';
  const at = prompt.slice(0, commonLength(prompt, uninvited)).lastIndexOf(lastMessage);
  if (lastMessage === '' || at < 0 || commonLength(prompt, full) >= at + lastMessage.length) return;
  throw invalid(
    'TEMPLATE_REWRITES_PROMPT',
    'the chat template renders the prompt differently when a response follows; use one turn as response, or another template',
  );
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
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
