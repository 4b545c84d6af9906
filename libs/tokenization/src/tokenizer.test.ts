import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { openTokenizer, writeByteTokenizer } from './index.ts';

const reason = (name: string, message: RegExp) => ({ reason: name, message: expect.stringMatching(message) });

test('a missing tokenizer and a missing template are clear errors', async () => {
  const folder = await temporaryFolder();
  await expect(openTokenizer(folder)).rejects.toMatchObject(reason('TOKENIZER_NOT_FOUND', /use a model folder/));
  await writeByteTokenizer(folder);
  await expect(openTokenizer(folder, { chatTemplate: 'nowhere.jinja' })).rejects.toMatchObject(
    reason('TEMPLATE_NOT_FOUND', /nowhere\.jinja.*plain, chatml/),
  );
});

test.each<[file: string, text: string, message: RegExp]>([
  ['tokenizer.json', '{}', /tokenizer\.json: .*"model"/],
  ['tokenizer.json', '[]', /tokenizer\.json: is not a JSON object/],
  ['tokenizer.json', 'nothing', /tokenizer\.json: .*JSON/],
  ['tokenizer_config.json', '{', /tokenizer_config\.json: .*JSON/],
  ['special_tokens_map.json', '3', /\/special_tokens_map\.json: is not a JSON object/],
  ['tokenizer.json', '{"model":{"type":"BPE","vocab":{"a":2147483647},"merges":[]}}', /token a is 2147483647, not an/],
  ['tokenizer.json', '{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}', /token a is -1, not an/],
  ['tokenizer.json', '{"added_tokens":[null]}', /token undefined is undefined, not an/],
])('a damaged %s is an error with its path: %s', async (file, text, message) => {
  await expect(byteTokenizer({ files: { [file]: text } })).rejects.toMatchObject(reason('TOKENIZER_INVALID', message));
});

test('a damaged chat template is an error with its place, an odd list of templates has none', async () => {
  await expect(byteTokenizer({ config: { chat_template: '{% for %}' } })).rejects.toMatchObject(
    reason('TEMPLATE_INVALID', /\/tokenizer_config\.json: /),
  );
  const tokenizer = await byteTokenizer({ config: { chat_template: [null, 3, { name: 'default' }] } });
  expect(tokenizer.chatTemplate.source).toBe('fallback');
});

test('a pipe in place of a file is refused: it would never end', async () => {
  const folder = await temporaryFolder();
  execFileSync('mkfifo', [join(folder, 'tokenizer.json')]);
  await expect(openTokenizer(folder)).rejects.toMatchObject(
    reason('TOKENIZER_INVALID', /tokenizer\.json: is not a regular file/),
  );
});

test('a special token that the vocabulary lacks is an error: no response would ever end', async () => {
  await expect(byteTokenizer({ config: { eos_token: '<|end|>' } })).rejects.toMatchObject(
    reason('TOKENIZER_INVALID', /eos_token is "<\|end\|>", which is not in the vocabulary/),
  );
});

test('special tokens may be objects, may stand in special_tokens_map.json, and may be absent', async () => {
  const config = { bos_token: { content: '<pad>' }, eos_token: undefined, pad_token: null };
  const files = { 'special_tokens_map.json': '{"eos_token": "<s>"}' };
  const { special } = await byteTokenizer({ config, files });
  expect(special).toEqual({ bos: 2, eos: 0, pad: undefined });
});

test('the digest changes with every file that decides on ids, and not with the template that is asked for', async () => {
  const digests = await Promise.all([
    byteTokenizer(),
    byteTokenizer({ config: { eos_token: '<pad>' } }),
    byteTokenizer({ files: { 'special_tokens_map.json': '{}' } }),
    byteTokenizer({ definition: ({ model }) => Object.assign(model.vocab, { new: 259 }) }),
    byteTokenizer({ files: { 'added_tokens.json': '{"<new>": 259}' } }),
  ]).then((tokenizers) => tokenizers.map(({ digest }) => digest));
  expect(new Set(digests).size).toBe(5);
  expect((await byteTokenizer({ chatTemplate: 'chatml' })).digest).toBe(digests[0]);
  // Nothing that the other files do not say.
  expect((await byteTokenizer({ files: { 'added_tokens.json': '{}' } })).digest).toBe(digests[0]);
  expect((await byteTokenizer({ files: { 'added_tokens.json': '{"<s>": 0}' } })).digest).toBe(digests[0]);
});

test('white space before punctuation comes back, unless the model asks for less of it', async () => {
  const text = "Well , it 's so .";
  const roundTrip = async (config: object) => {
    const tokenizer = await byteTokenizer({ config: { ...config } });
    return tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false }), { skipSpecialTokens: true });
  };
  expect(await roundTrip({ clean_up_tokenization_spaces: undefined })).toBe(text);
  expect(await roundTrip({ clean_up_tokenization_spaces: true })).toBe("Well, it's so.");
});
