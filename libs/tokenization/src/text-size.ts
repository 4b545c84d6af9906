import { AlphapoError } from '@alphapo/base';
import type { TokenLimits } from './limits.ts';
import type { Exchange } from './split.ts';

/** No text has as many characters for each of its tokens; English has four or five. */
const MOST_CHARACTERS_PER_TOKEN = 32;
/** What templates write around a message makes a token at least. */
const CHARACTERS_OF_A_MESSAGE = MOST_CHARACTERS_PER_TOKEN;
/** So many are tokenized in a fraction of a second, whatever the limits. */
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
    case 'messages':
      return exchange.responses.map((response) =>
        [...exchange.prompt, ...response].reduce(
          (sum, { content }) => sum + (content?.length ?? 0) + CHARACTERS_OF_A_MESSAGE,
          0,
        ),
      );
    case 'tokens':
      return [0];
  }
}
