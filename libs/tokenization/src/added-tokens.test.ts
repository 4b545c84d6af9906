import { byteTokenizer } from './byte-tokenizer.fixture.ts';

const token = (content: string, flags: object = {}) => ({
  ...{ content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false },
  ...flags,
});
const bytes = (text: string) => [...Buffer.from(text)].map((byte) => byte + 3);

type Fixture = NonNullable<Parameters<typeof byteTokenizer>[0]>;

const encoded = async (fixture: Fixture, text: string) =>
  (await byteTokenizer(fixture)).encode(text, { addSpecialTokens: false });

const declared = (content: string, flags: object = {}): Fixture => ({
  config: { added_tokens_decoder: { 259: token(content, flags) } },
});

test.each<[what: string, fixture: Fixture, text: string, ids: number[]]>([
  ['added_tokens_decoder adds what tokenizer.json lacks', declared('<x>'), 'a<x>', [...bytes('a'), 259]],
  ['so does added_tokens.json', { files: { 'added_tokens.json': '{"<x>": 259}' } }, 'a<x>', [...bytes('a'), 259]],
  [
    'added_tokens.json is not read beside added_tokens_decoder',
    { ...declared('<x>'), files: { 'added_tokens.json': '{"<y>": 260}' } },
    '<y>',
    bytes('<y>'),
  ],
  [
    'tokens get the next ids, in the order of those that they ask for',
    {
      config: { added_tokens_decoder: { 900: token('<y>'), 800: token('<x>') } },
    },
    '<x><y>',
    [259, 260],
  ],
  [
    'a special token that is no added token becomes one',
    { config: { sep_token: 'a' } },
    'ba',
    [...bytes('b'), ...bytes('a')],
  ],
  [
    'the longest token is found first',
    { config: { added_tokens_decoder: { 259: token('<x'), 260: token('<x>') } } },
    '<x><x',
    [260, 259],
  ],
  [
    'a whole word',
    declared('yes', { single_word: true }),
    'yes yesterday _yes, eyes',
    [259, ...bytes(' yesterday _yes, eyes')],
  ],
  ['white space before it', declared('<x>', { lstrip: true }), 'a \n<x> b', [...bytes('a'), 259, ...bytes(' b')]],
  ['white space behind it', declared('<x>', { rstrip: true }), 'a <x> \nb', [...bytes('a '), 259, ...bytes('b')]],
  [
    'flags of the configuration go before those of tokenizer.json',
    {
      config: { added_tokens_decoder: { 2: token('<pad>', { lstrip: true, special: true }) } },
    },
    'a <pad>',
    [...bytes('a'), 2],
  ],
])('%s', async (_what, fixture, text, ids) => {
  expect(await encoded(fixture, text)).toEqual(ids);
});

test('a token that is found in normalized text is found in every case of its letters', async () => {
  const fixture: Fixture = {
    ...declared('Word', { normalized: true }),
    definition: (definition) => Object.assign(definition, { normalizer: { type: 'Lowercase' } }),
  };
  expect(await encoded(fixture, 'aWORDb')).toEqual([...bytes('a'), 259, ...bytes('b')]);
});

test('half of a surrogate pair is refused by its name', async () => {
  const tokenizer = await byteTokenizer();
  expect(() => tokenizer.encode('a\ud800', { addSpecialTokens: false })).toThrow(
    expect.objectContaining({ code: 'invalid-argument', reason: 'LONE_SURROGATE' }),
  );
});

test.each<[feature: string, fixture: Fixture, message: RegExp]>([
  ['split_special_tokens', { config: { split_special_tokens: true } }, /split_special_tokens is true/],
  ['dropout', { definition: ({ model }) => Object.assign(model, { dropout: 0.1 }) }, /model\.dropout is 0\.1/],
  [
    'a precompiled normalizer',
    { definition: (all) => Object.assign(all, { normalizer: { type: 'Precompiled', precompiled_charsmap: '' } }) },
    /type Precompiled/,
  ],
  [
    'an unknown way to split',
    {
      definition: (all) =>
        Object.assign(all, {
          pre_tokenizer: { type: 'Split', pattern: { Regex: 'a' }, behavior: 'MergedWithNext', invert: false },
        }),
    },
    /Split with behavior MergedWithNext/,
  ],
])('%s is refused by its name', async (_feature, fixture, message) => {
  await expect(byteTokenizer(fixture)).rejects.toMatchObject({
    reason: 'TOKENIZER_INVALID',
    message: expect.stringMatching(message),
  });
});
