import type { Tokenizer } from './tokenizer.ts';

/** Text that was templated before has the tokens that begin and end a sequence in it; they must not be there twice. */

/** Ids of which the first is the only beginning-of-sequence token; white space before one is cut off with it. */
export function begunOnce(tokenizer: Tokenizer, ids: readonly number[]): readonly number[] {
  const { bos } = tokenizer.special;
  if (bos === undefined) return ids;
  const end = ids.findIndex((id) => id !== bos && !isBlank(tokenizer, id));
  const start = ids.slice(0, end < 0 ? ids.length : end).lastIndexOf(bos);
  return start <= 0 ? ids : ids.slice(start);
}

/** Ids that end with one end-of-sequence token; white space behind one is cut off. `from`: where the response begins. */
export function endedOnce(tokenizer: Tokenizer, ids: readonly number[], from: number): readonly number[] {
  const { eos } = tokenizer.special;
  if (eos === undefined) return ids;
  const last = ids.findLastIndex((id, i) => i < from || (id !== eos && !isBlank(tokenizer, id)));
  const end = ids.indexOf(eos, last + 1);
  return [...ids.slice(0, end < 0 ? ids.length : end), eos];
}

function isBlank(tokenizer: Tokenizer, id: number): boolean {
  return tokenizer.decode([id], { skipSpecialTokens: false }).trim() === '';
}
