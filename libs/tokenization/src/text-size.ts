import { AlphapoError } from '@alphapo/base';
import type { Json, Message } from '@alphapo/data';
import type { Exchange } from './exchange.ts';
import type { TokenLimits } from './limits.ts';

/** No text has as many characters for each of its tokens; English has four or five. */
const MOST_CHARACTERS_PER_TOKEN = 32;
/** What templates write around a message makes a token at least. */
const CHARACTERS_OF_A_MESSAGE = MOST_CHARACTERS_PER_TOKEN;
/** This many are tokenized in a fraction of a second, so they are always accepted. */
const HARMLESS_CHARACTERS = 2 ** 17;

/**
 * Refuses a prompt and response of which the limits would leave a small part only. Tokenizing takes microseconds for each
 * character, in which nothing else happens: texts of megabytes would stop a service for a minute. Errors: TEXT_TOO_LONG.
 */
export function checkCharacters(exchange: Exchange, { maxLength }: TokenLimits): void {
  const most = Math.max(HARMLESS_CHARACTERS, MOST_CHARACTERS_PER_TOKEN * maxLength);
  const size = Math.max(...charactersOf(exchange));
  if (size <= most) return;
  throw new AlphapoError(
    'invalid-argument',
    'TEXT_TOO_LONG',
    `prompt and response have ${size} characters, far too many for ${maxLength} tokens; shorten them to ${most}`,
  );
}

/** Characters of the prompt with each of the responses. */
function charactersOf(exchange: Exchange): readonly number[] {
  switch (exchange.kind) {
    case 'text':
      return exchange.responses.map((response) => exchange.prompt.length + response.length);
    case 'messages': {
      const prompt = charactersOfMessages(exchange.prompt, exchange.tools);
      return exchange.responses.map((response) => prompt + charactersOfMessages(response, undefined));
    }
    case 'tokens':
      return [0];
  }
}

/** Characters that a template may write for messages and tools: contents, and calls and schemas as JSON. */
export function charactersOfMessages(messages: readonly Message[], tools: readonly Json[] | undefined): number {
  const ofMessage = ({ content, reasoning_content: reasoning, tool_calls: calls }: Message) =>
    CHARACTERS_OF_A_MESSAGE + (content?.length ?? 0) + (reasoning?.length ?? 0) + charactersOfJson(calls);
  return messages.reduce((sum, message) => sum + ofMessage(message), charactersOfJson(tools));
}

const charactersOfJson = (value: readonly Json[] | undefined) =>
  value === undefined ? 0 : JSON.stringify(value).length;
