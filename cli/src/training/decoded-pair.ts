import type { TokenizerPool } from '@alphapo/tokenization';
import type { TokenPair } from './hold-out.ts';

/** The text of a pair's tokens, special tokens included: what the model sees. Ids where the model has no tokenizer. */
export interface DecodedPair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/**
 * The texts of pairs. A response is decoded behind its prompt: by itself, its first token would lose the space that some
 * tokenizers write at the start of a word.
 */
export async function decodePairs(tokenizer: TokenizerPool, pairs: readonly TokenPair[]): Promise<DecodedPair[]> {
  if (tokenizer.description.takes === 'ids') return pairs.map(idsOf);
  const lists = pairs.flatMap(({ prompt, chosen, rejected }) => [
    prompt,
    [...prompt, ...chosen],
    [...prompt, ...rejected],
    chosen,
    rejected,
  ]);
  const texts = await tokenizer.run('encodings', lists, { skipSpecialTokens: false });
  return pairs.map((_, i) => {
    const own = texts.slice(LISTS * i, LISTS * (i + 1)) as [string, string, string, string, string];
    const [prompt, withChosen, withRejected, chosen, rejected] = own;
    const behind = (whole: string, alone: string) => (whole.startsWith(prompt) ? whole.slice(prompt.length) : alone);
    return { prompt, chosen: behind(withChosen, chosen), rejected: behind(withRejected, rejected) };
  });
}

const LISTS = 5;

const idsOf = ({ prompt, chosen, rejected }: TokenPair): DecodedPair => ({
  prompt: prompt.join(' '),
  chosen: chosen.join(' '),
  rejected: rejected.join(' '),
});
