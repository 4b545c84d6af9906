import * as fc from 'fast-check';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { ContinuationText } from './continuation-text.ts';
import { openQwen, tokenizerPath } from './real-tokenizers.fixture.ts';
import { openTokenizer, type Tokenizer } from './tokenizer.ts';

/** The text that comes out, piece by piece, and what remains at the end. */
function textOf(tokenizer: Tokenizer, prompt: string, continuation: string, stops: readonly string[] = []): string {
  const [before, whole] = [prompt, prompt + continuation].map((text) =>
    tokenizer.encode(text, { addSpecialTokens: false }),
  ) as [number[], number[]];
  const stream = new ContinuationText(tokenizer, before, stops);
  let text = '';
  for (const token of whole.slice(before.length)) {
    const piece = stream.push(token);
    expect(piece.text).not.toContain('\ufffd');
    text += piece.text;
    if (piece.stopped) return text;
  }
  return text + stream.end();
}

test('characters are never split, whatever their bytes', async () => {
  const tokenizer = await byteTokenizer();
  const words = fc.array(fc.constantFrom('a', ' ', 'é', '語', '🙂', '\n', 'ab'), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(words, (parts) => {
      expect(textOf(tokenizer, 'Q: ', parts.join(''))).toBe(parts.join(''));
    }),
  );
});

test('neither a stop string nor what follows it is returned, however tokens split it', async () => {
  const tokenizer = await byteTokenizer();
  const text = fc.array(fc.constantFrom('a', 'b', 'ab', 'aab', '\n'), { maxLength: 30 }).map((parts) => parts.join(''));
  const stops = fc.array(fc.constantFrom('aba', '\n\n', 'bb'), { maxLength: 3 });
  fc.assert(
    fc.property(text, stops, (whole, given) => {
      const ends = given
        .map((stop) => ({ stop, end: whole.indexOf(stop) + stop.length }))
        .filter(({ stop }) => whole.includes(stop));
      const first = ends.toSorted((a, b) => a.end - b.end || b.stop.length - a.stop.length)[0];
      expect(textOf(tokenizer, 'x', whole, given)).toBe(
        first === undefined ? whole : whole.slice(0, first.end - first.stop.length),
      );
    }),
  );
});

describeShared('data/tokenizers', () => {
  test.each<[name: string, open: () => Promise<Tokenizer>]>([
    ['GPT-2', () => openTokenizer(tokenizerPath('gpt2'))],
    ['Mistral', () => openTokenizer(tokenizerPath('mistral-7b'))],
    ['Qwen 2.5', openQwen],
    ['stories260K', () => openTokenizer(sharedPath('data/models/stories260K/hf') as string)],
  ])('%s: the pieces are the text', async (_name, open) => {
    const tokenizer = await open();
    for (const text of ['Hello there, world!', ' two  spaces', 'naïve 語 🙂 end', 'line\n\nbreak']) {
      expect(textOf(tokenizer, 'Say it:\n', text)).toBe(text);
    }
  });
});
