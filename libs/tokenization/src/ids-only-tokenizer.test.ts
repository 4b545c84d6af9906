import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openTokenizer, TokenizerPool } from './index.ts';

const LENGTHS = { maxLength: 8, maxPromptLength: 4 };
const IDS = { prompt_ids: [1, 2], chosen_ids: [3, 9], rejected_ids: [4] };

/** A model's folder with just a configuration. */
async function folderOf(config: object): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

const folder = () => folderOf({ vocab_size: 10 });
const bytesOf = (record: object) => Buffer.from(JSON.stringify(record));

test('token ids need no tokenizer: they are used as they are, within the limits', async () => {
  await using pool = await TokenizerPool.open(await folder());
  const long = { ...IDS, prompt_ids: [1, 2, 3, 4, 5, 6] };
  const [pair, cut] = await pool.run('records', [bytesOf(IDS), bytesOf(long)], LENGTHS);
  expect(pair).toMatchObject({ ok: true, from: 'tokens', pair: { prompt: [1, 2], chosen: [3, 9], rejected: [4] } });
  expect(cut).toMatchObject({ ok: true, pair: { prompt: [3, 4, 5, 6], truncated: { prompt: 2 } } });
  expect(pool.description).toMatchObject({ takes: 'ids', vocabularySize: 10, chatTemplate: { place: 'none' } });
});

test.each(['prompt_ids', 'chosen_ids', 'rejected_ids'])(
  "an id in %s that the model's vocabulary lacks is refused",
  async (field) => {
    await using pool = await TokenizerPool.open(await folderOf({ text_config: { vocab_size: 10 } }));
    const [made] = await pool.run('records', [bytesOf({ ...IDS, [field]: [2, 10] })], LENGTHS);
    expect(made).toMatchObject({ reason: 'UNKNOWN_TOKEN', message: expect.stringMatching(/10 .* vocabulary size 10/) });
  },
);

const ASKED = [{ role: 'user', content: 'Is it?' }];
const REFUSED = { reason: 'NO_TOKENIZER', message: expect.stringMatching(/no tokenizer\.json; use token ids/) };

test.each([
  ['text', { prompt: 'Is it?', chosen: 'yes', rejected: 'no' }],
  ['messages', { prompt: ASKED, chosen: 'yes', rejected: 'no' }],
  ['an instruction', { instruction: 'Say', input: '', chosen: 'yes', rejected: 'no' }],
  ['an implicit prompt', { chosen: 'Is it? yes', rejected: 'Is it? no' }],
])('a record of %s is refused by name', async (_what, record) => {
  await using pool = await TokenizerPool.open(await folder());
  expect(await pool.run('records', [bytesOf(record), bytesOf(IDS)], LENGTHS)).toMatchObject([REFUSED, { ok: true }]);
});

test('what needs a tokenizer is refused by name', async () => {
  await using pool = await TokenizerPool.open(await folder());
  await expect(pool.run('texts', ['a'], { addSpecialTokens: true })).rejects.toMatchObject(REFUSED);
  await expect(pool.run('encodings', [[1]], { skipSpecialTokens: true })).rejects.toMatchObject(REFUSED);
  await expect(pool.run('conversations', [ASKED], { addGenerationPrompt: true })).rejects.toMatchObject(REFUSED);
  const responses = pool.run('responses', [{ prompt: 'Is it?', response: 'yes' }], LENGTHS);
  expect(await responses).toMatchObject([REFUSED]);
});

test('without the size of a vocabulary, or with a chat template, the tokenizer is missed at once', async () => {
  const missing = { reason: 'TOKENIZER_NOT_FOUND' };
  await expect(openTokenizer(await folderOf({}))).rejects.toMatchObject(missing);
  await expect(openTokenizer(await folder(), { chatTemplate: 'chatml' })).rejects.toMatchObject({
    ...missing,
    message: expect.stringContaining('which the chat template "chatml" needs'),
  });
});
