/** The largest vocabularies have some hundred thousand tokens; the library makes lists as long as the largest id. */
const MOST_TOKENS = 2 ** 24;

/** What is wrong with the ids of a tokenizer.json's vocabulary and added tokens, or undefined. */
export function wrongTokenId({ model, added_tokens: added }: Readonly<Record<string, unknown>>): string | undefined {
  const { vocab } = (model ?? {}) as { readonly vocab?: unknown };
  // A list has no ids: its places are.
  const isObject = vocab !== null && typeof vocab === 'object' && !Array.isArray(vocab);
  const ofVocabulary: (readonly [token: unknown, id: unknown])[] = isObject ? Object.entries(vocab) : [];
  const ofAdded = (Array.isArray(added) ? added : []).map((token) => [token?.content, token?.id] as const);
  const wrong = [ofVocabulary, ofAdded].flat().find(([, id]) => !isTokenId(id));
  if (wrong === undefined) return undefined;
  const [token, id] = wrong.map((part) => (part !== null && typeof part === 'object' ? 'an object' : String(part)));
  return `the id of token ${token} is ${id}, not an integer from 0 to ${MOST_TOKENS - 1}`;
}

const isTokenId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < MOST_TOKENS;
