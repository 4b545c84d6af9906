/** Tokens of a sequence that counts as repeated. */
const SEQUENCE = 4;

/** Share of a text's sequences of 4 tokens that occurred in it before, in [0, 1]; 0 for shorter texts. As in arXiv:1908.04319. */
export function repetitionOf(tokens: readonly number[]): number {
  const sequences = tokens.length - SEQUENCE + 1;
  if (sequences <= 0) return 0;
  const different = new Set(Array.from({ length: sequences }, (_, i) => tokens.slice(i, i + SEQUENCE).join(' ')));
  return 1 - different.size / sequences;
}
