import type { Preference } from '@alphapo/data';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { tokenizePreference, tokenizeResponse } from './index.ts';

const LIMITS = { maxLength: 100, maxPromptLength: 50 };

/** A tokenizer with one token more than the model has embeddings for. */
const beyond = (config: object) =>
  byteTokenizer({
    config: { added_tokens_decoder: { 259: { content: '<extra>', special: false } } },
    files: { 'config.json': JSON.stringify(config) },
  });

const says = (content: string) => [{ role: 'assistant', content }];

test.each<[what: string, preference: Preference]>([
  ['in text', { kind: 'text', prompt: 'a', chosen: 'b<extra>', rejected: 'c' }],
  ['in a prompt', { kind: 'text', prompt: 'a<extra>', chosen: 'b', rejected: 'c' }],
  [
    'in messages',
    { kind: 'messages', prompt: [{ role: 'user', content: 'a' }], chosen: says('b'), rejected: says('<extra>') },
  ],
  ['in token ids', { kind: 'tokens', prompt: [3], chosen: [4], rejected: [259] }],
])('a token beyond the embedding of the model is refused %s', async (_what, preference) => {
  const tokenizer = await beyond({ vocab_size: 259 });
  expect(tokenizePreference(tokenizer, preference, LIMITS)).toMatchObject({
    ok: false,
    reason: 'UNKNOWN_TOKEN',
    message: expect.stringMatching(/token id 259 \("<extra>"\) is not below the model's vocabulary size 259/),
  });
});

test('the vocabulary of a model with parts is that of its text', async () => {
  const tokenizer = await beyond({ text_config: { vocab_size: 259 } });
  expect(tokenizeResponse(tokenizer, 'a', '<extra>', LIMITS)).toMatchObject({ ok: false, reason: 'UNKNOWN_TOKEN' });
});

test('what the limits cut off is not in the way', async () => {
  const tokenizer = await beyond({ vocab_size: 259 });
  const preference = { kind: 'text', prompt: 'a', chosen: 'bcd<extra>', rejected: 'x' } as const;
  expect(tokenizePreference(tokenizer, preference, { maxLength: 4, maxPromptLength: 2 })).toMatchObject({ ok: true });
});

test('without config.json, and with embeddings for all, every token is known', async () => {
  for (const tokenizer of [await beyond({}), await beyond({ vocab_size: 260 })]) {
    expect(tokenizeResponse(tokenizer, 'a', '<extra>', LIMITS)).toMatchObject({ ok: true, response: [259, 1] });
  }
});
