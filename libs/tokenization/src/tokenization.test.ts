import { readFile } from 'node:fs/promises';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { BYTE_VOCABULARY_SIZE, openTokenizer, tokenizePreference, tokenizeResponse } from './index.ts';

const LIMITS = { maxLength: 100, maxPromptLength: 50 };
const bytes = (text: string) => [...Buffer.from(text)].map((byte) => byte + 3);

test('the byte tokenizer gives every text back', async () => {
  const tokenizer = await byteTokenizer();
  const text = 'Hällo\n\t wörld 你好 🙂 \u0000';
  const ids = tokenizer.encode(text, { addSpecialTokens: true });
  expect(ids).toEqual([0, ...bytes(text)]);
  expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(text);
  expect(tokenizer.encode('', { addSpecialTokens: false })).toEqual([]);
  expect(tokenizer.decode([], { skipSpecialTokens: false })).toBe('');
  expect(tokenizer.vocabularySize).toBe(BYTE_VOCABULARY_SIZE);
  expect(tokenizer.special).toEqual({ bos: 0, eos: 1, pad: 2 });
  expect(tokenizer.chatTemplate.source).toBe('model');
});

test('text becomes a prompt with its special tokens and responses that end', async () => {
  const tokenizer = await byteTokenizer();
  const result = tokenizePreference(tokenizer, { kind: 'text', prompt: 'a?', chosen: 'b', rejected: 'cd' }, LIMITS);
  expect(result).toMatchObject({
    ok: true,
    pair: { prompt: [0, ...bytes('a?')], chosen: [...bytes('b'), 1], rejected: [...bytes('cd'), 1] },
  });
});

test('a conversation is what the chat template writes', async () => {
  const tokenizer = await byteTokenizer();
  const say = (role: string, content: string) => ({ role, content });
  const preference = {
    kind: 'messages' as const,
    prompt: [say('user', 'Hi')],
    chosen: [say('assistant', 'Yes')],
    rejected: [say('assistant', 'No')],
  };
  expect(tokenizePreference(tokenizer, preference, LIMITS)).toMatchObject({
    ok: true,
    pair: { prompt: bytes('\n\nHuman: Hi\n\nAssistant:'), chosen: bytes(' Yes'), rejected: bytes(' No') },
  });
});

test('limits cut the start of a prompt after its first token, and the end of a response', async () => {
  const tokenizer = await byteTokenizer();
  const preference = { kind: 'text' as const, prompt: 'abcdef', chosen: 'xyz', rejected: 'z' };
  expect(tokenizePreference(tokenizer, preference, { maxLength: 6, maxPromptLength: 4 })).toMatchObject({
    pair: {
      prompt: [0, ...bytes('def')],
      chosen: bytes('xy'),
      rejected: [...bytes('z'), 1],
      truncated: { prompt: 3, chosen: 2, rejected: 0 },
    },
  });
});

test('a text of which the limits would leave next to nothing is refused before it costs a minute', async () => {
  const tokenizer = await byteTokenizer();
  const long = 'a'.repeat(16 * 2 ** 20);
  const say = (role: string, content: string) => ({ role, content });
  const started = performance.now();
  for (const preference of [
    { kind: 'text' as const, prompt: long, chosen: 'b', rejected: 'c' },
    { kind: 'text' as const, prompt: 'a', chosen: 'b', rejected: long },
    {
      kind: 'messages' as const,
      prompt: Array.from({ length: 500_000 }, () => say('user', '')),
      chosen: [say('assistant', 'b')],
      rejected: [say('assistant', 'c')],
    },
  ]) {
    expect(tokenizePreference(tokenizer, preference, LIMITS)).toMatchObject({
      ok: false,
      reason: 'TEXT_TOO_LONG',
      message: expect.stringMatching(/have \d+ characters, far too many for 100 tokens; shorten them to 131072/),
    });
  }
  expect(performance.now() - started).toBeLessThan(1_000);
  const cut = { kind: 'text' as const, prompt: 'a', chosen: 'b'.repeat(100_000), rejected: 'c' };
  expect(tokenizePreference(tokenizer, cut, LIMITS)).toMatchObject({ ok: true, pair: { truncated: { rejected: 0 } } });
});

test('what cannot be trained on is refused with its reason', async () => {
  const tokenizer = await byteTokenizer();
  const tokens = (prompt: number[], chosen: number[]) =>
    tokenizePreference(tokenizer, { kind: 'tokens', prompt, chosen, rejected: [5] }, LIMITS);
  expect(tokens([], [4])).toMatchObject({ ok: false, reason: 'EMPTY_PROMPT' });
  expect(tokens([4], [])).toMatchObject({ ok: false, reason: 'EMPTY_RESPONSE' });
  expect(tokens([4], [BYTE_VOCABULARY_SIZE])).toMatchObject({ ok: false, reason: 'UNKNOWN_TOKEN' });
});

test('a template that refuses a conversation refuses the record, not the stream', async () => {
  const template = "{{ raise_exception('roles must alternate') }}";
  const tokenizer = await byteTokenizer({ files: { 'chat_template.jinja': template } });
  const message = { role: 'user', content: 'x' };
  const preference = { kind: 'messages' as const, prompt: [message], chosen: [message], rejected: [message] };
  expect(tokenizePreference(tokenizer, preference, LIMITS)).toMatchObject({
    ok: false,
    reason: 'TEMPLATE_REFUSED',
    message: expect.stringContaining('roles must alternate'),
  });
});

test('text responses end with the end-of-sequence token once, or not at all where that is asked for', async () => {
  const tokenizer = await byteTokenizer();
  const preference = { kind: 'text' as const, prompt: 'p', chosen: 'c</s>', rejected: 'r' };
  expect(tokenizePreference(tokenizer, preference, LIMITS)).toMatchObject({
    pair: { chosen: [...bytes('c'), 1], rejected: [...bytes('r'), 1] },
  });
  expect(tokenizePreference(tokenizer, preference, { ...LIMITS, endOfText: 'leave' })).toMatchObject({
    pair: { chosen: [...bytes('c'), 1], rejected: bytes('r') },
  });
});

test('responses that are the same within the limits are refused', async () => {
  const tokenizer = await byteTokenizer();
  const preference = { kind: 'text' as const, prompt: 'p', chosen: 'same start', rejected: 'same end' };
  expect(tokenizePreference(tokenizer, preference, LIMITS).ok).toBe(true);
  expect(tokenizePreference(tokenizer, preference, { maxLength: 6, maxPromptLength: 5 })).toEqual({
    ok: false,
    reason: 'IDENTICAL_RESPONSES',
    message: expect.stringContaining('raise the maximum length'),
  });
});

test('a single response gets the ids that it has in a pair', async () => {
  const tokenizer = await byteTokenizer();
  const expected = { ok: true, prompt: [0, ...bytes('p')], response: [...bytes('c'), 1] };
  expect(tokenizeResponse(tokenizer, 'p', 'c', LIMITS)).toEqual(expected);
  expect(tokenizeResponse(tokenizer, [{ role: 'user', content: 'p' }], 'c', LIMITS)).toEqual({
    ok: true,
    prompt: bytes('\n\nHuman: p\n\nAssistant:'),
    response: bytes(' c'),
  });
  expect(tokenizeResponse(tokenizer, 'p', '', { ...LIMITS, endOfText: 'leave' })).toMatchObject({
    ok: false,
    reason: 'EMPTY_RESPONSE',
    message: expect.stringContaining('the response'),
  });
});

describeShared('data/models/stories260K', () => {
  test('text pairs of the real small Llama get the ids of the reference', async () => {
    const golden = JSON.parse(await readFile(sharedPath('golden/stories260K/golden.json') as string, 'utf8'));
    const tokenizer = await openTokenizer(sharedPath('data/models/stories260K/hf') as string);
    const limits = { maxLength: 512, maxPromptLength: 400 };
    for (const pair of golden.pairs) {
      const { prompt_text: prompt, chosen_text: chosen, rejected_text: rejected } = pair;
      const result = tokenizePreference(tokenizer, { kind: 'text', prompt, chosen, rejected }, limits);
      if (!result.ok) throw new Error(result.message);
      const withoutEnd = (ids: number[]) => (ids.at(-1) === tokenizer.special.eos ? ids.slice(0, -1) : ids);
      expect(result.pair.prompt).toEqual(pair.prompt);
      expect(withoutEnd(result.pair.chosen)).toEqual(pair.chosen);
      expect(withoutEnd(result.pair.rejected)).toEqual(pair.rejected);
    }
  });
});
