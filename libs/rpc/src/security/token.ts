/** Shorter tokens could be guessed: 32 hexadecimal digits are 128 bits. */
const SHORTEST_TOKEN = 32;
/** What a header may hold without being encoded. */
const TOKEN = /^[\x21-\x7e]+$/;

/** What a token is, for people. */
export const TOKEN_DESCRIPTION = `${SHORTEST_TOKEN} or more printable characters without spaces`;

/** Whether a text may be a bearer token. */
export function isToken(text: string): boolean {
  return text.length >= SHORTEST_TOKEN && TOKEN.test(text);
}
