import type { TokenizerPool } from '@alphapo/tokenization';

/** A pair's tokens as text, special tokens included: what the model sees. */
export interface DecodedPair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

interface PairTokens {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/**
 * The texts of pairs. A response is decoded behind its prompt: by itself, its first token would lose the space that some
 * tokenizers write at the start of a word.
 */
export async function decodePairs(tokenizer: TokenizerPool, pairs: readonly PairTokens[]): Promise<DecodedPair[]> {
  const lists = pairs.flatMap(({ prompt, chosen, rejected }) => [
    prompt,
    [...prompt, ...chosen],
    [...prompt, ...rejected],
    chosen,
    rejected,
  ]);
  const texts = await tokenizer.run('encodings', lists, { skipSpecialTokens: false });
  return pairs.map((_, i) => {
    const [prompt = '', ...sides] = texts.slice(5 * i, 5 * i + 5) as [string, string, string, string, string];
    const [withChosen, withRejected, chosen, rejected] = sides;
    const behind = (whole: string, alone: string) => (whole.startsWith(prompt) ? whole.slice(prompt.length) : alone);
    return { prompt, chosen: behind(withChosen, chosen), rejected: behind(withRejected, rejected) };
  });
}
