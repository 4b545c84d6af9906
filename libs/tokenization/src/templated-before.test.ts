import type { Preference } from '@alphapo/data';
import fc from 'fast-check';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { openTokenizer, type Tokenizer, tokenizePreference } from './index.ts';
import { tokenizerPath } from './real-tokenizers.fixture.ts';

const LIMITS = { maxLength: 4096, maxPromptLength: 2048 };

/** Byte tokenizers that add the beginning-of-sequence token, that add none, and whose model has none or no end. */
const BYTE_TOKENIZERS: Readonly<Record<string, Parameters<typeof byteTokenizer>[0]>> = {
  'adds the beginning': {},
  'adds nothing': { definition: (definition) => Object.assign(definition, { post_processor: null }) },
  'has no beginning': {
    config: { bos_token: null },
    definition: (definition) => Object.assign(definition, { post_processor: null }),
  },
  'has no end': { config: { eos_token: null } },
};

function idsOf(tokenizer: Tokenizer, preference: Preference) {
  const made = tokenizePreference(tokenizer, preference, LIMITS);
  if (!made.ok) throw new Error(made.message);
  return made.pair;
}

const textOf = (tokenizer: Tokenizer, id: number | undefined) =>
  id === undefined ? '' : tokenizer.decode([id], { skipSpecialTokens: false });

/** Text whose ends are not white space and hold no special token. */
const body = fc.string({ minLength: 1, maxLength: 12 }).map((text) => `a${text.replaceAll('<', '(')}b`);
const space = fc.constantFrom('', '\n', ' ', ' \n\n');

async function expectOneOfEach(tokenizer: Tokenizer): Promise<void> {
  const { bos, eos } = tokenizer.special;
  const [begin, end] = [textOf(tokenizer, bos), textOf(tokenizer, eos)];
  fc.assert(
    fc.property(
      body,
      body,
      space,
      fc.constantFrom(begin, '', begin + begin),
      fc.constantFrom(end, '', end + end),
      (prompt, answer, white, first, last) => {
        const pair = idsOf(tokenizer, {
          kind: 'text',
          prompt: first + prompt,
          chosen: `${answer}x${last}${last === '' ? '' : white}`,
          rejected: `${answer}y`,
        });
        const plain = idsOf(tokenizer, { kind: 'text', prompt, chosen: `${answer}x`, rejected: `${answer}y` });
        // As of text that was not templated before, but for a beginning that the tokenizer does not add by itself.
        const added = first !== '' && bos !== undefined && plain.prompt[0] !== bos ? [bos] : [];
        expect(pair.prompt).toEqual([...added, ...plain.prompt]);
        expect(pair.chosen).toEqual(plain.chosen);
        expect(pair.chosen.filter((id) => id === eos)).toHaveLength(eos === undefined ? 0 : 1);
      },
    ),
    { numRuns: 60 },
  );
}

test.each(Object.entries(BYTE_TOKENIZERS))('a tokenizer that %s: one beginning, one end', async (_what, fixture) => {
  await expectOneOfEach(await byteTokenizer(fixture));
});

describeShared('real tokenizers', () => {
  test('stories260K, which adds a beginning: one beginning, one end', async () => {
    await expectOneOfEach(await openTokenizer(sharedPath('data/models/stories260K/hf') as string));
  });

  test('GPT-2, whose beginning and end are one token: one end', async () => {
    const tokenizer = await openTokenizer(tokenizerPath('gpt2'));
    const pair = idsOf(tokenizer, { kind: 'text', prompt: 'a', chosen: ' b<|endoftext|>\n', rejected: ' c' });
    expect(pair.chosen).toEqual([275, 50256]);
    expect(pair.rejected).toEqual([269, 50256]);
  });
});

test('a model without a chat template gets its special tokens around the transcript that stands in for it', async () => {
  const tokenizer = await byteTokenizer({ config: { chat_template: undefined } });
  const pair = idsOf(tokenizer, {
    kind: 'messages',
    prompt: [{ role: 'user', content: 'Hi' }],
    chosen: [{ role: 'assistant', content: 'yes' }],
    rejected: [{ role: 'assistant', content: 'no' }],
  });
  const text = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: false });
  expect([text(pair.prompt), text(pair.chosen)]).toEqual(['<s>\n\nHuman: Hi\n\nAssistant:', ' yes</s>']);
});

test('an instruction is text for a model without a chat template, and messages for others', async () => {
  const preference: Preference = {
    kind: 'messages',
    prompt: [{ role: 'user', content: 'Say yes.' }],
    chosen: [{ role: 'assistant', content: 'yes' }],
    rejected: [{ role: 'assistant', content: 'no' }],
    text: { prompt: '### Instruction: Say yes.\n', chosen: 'yes', rejected: 'no' },
  };
  const prompt = async (fixture: Parameters<typeof byteTokenizer>[0]) => {
    const tokenizer = await byteTokenizer(fixture);
    return tokenizer.decode(idsOf(tokenizer, preference).prompt, { skipSpecialTokens: false });
  };
  expect(await prompt({ config: { chat_template: undefined } })).toBe('<s>### Instruction: Say yes.\n');
  expect(await prompt({})).toBe('\n\nHuman: Say yes.\n\nAssistant:');
  expect(await prompt({ config: { chat_template: undefined }, chatTemplate: 'plain' })).toBe(
    '\n\nHuman: Say yes.\n\nAssistant:',
  );
});

describe('an instruction that was templated before', () => {
  const instruction = (prompt: string, system?: string): Preference => ({
    kind: 'messages',
    prompt: [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content: prompt }],
    chosen: [{ role: 'assistant', content: 'yes' }],
    rejected: [{ role: 'assistant', content: 'no' }],
    text: { prompt, chosen: 'yes', rejected: 'no' },
  });

  test.each(['<s>[INST] Hi [/INST]', ' <s>Hi', '\n\nHuman: Hi\n\nAssistant:', 'Human: Hi\n\nAssistant:\n'])(
    'is not templated again: %j',
    async (prompt) => {
      const tokenizer = await byteTokenizer({});
      const asText = idsOf(tokenizer, { kind: 'text', prompt, chosen: 'yes', rejected: 'no' });
      expect(idsOf(tokenizer, instruction(prompt))).toEqual(asText);
      expect(tokenizePreference(tokenizer, instruction(prompt, 'Be kind.'), LIMITS)).toMatchObject({
        ok: false,
        reason: 'TEMPLATE_REFUSED',
        message: expect.stringContaining('already has the chat template'),
      });
    },
  );

  test.each(['What does <s> mean?', 'Hi', 'Assistant: who are you?'])('is no plain text: %j', async (prompt) => {
    const tokenizer = await byteTokenizer({});
    const pair = idsOf(tokenizer, instruction(prompt));
    expect(tokenizer.decode(pair.prompt, { skipSpecialTokens: false })).toBe(`\n\nHuman: ${prompt}\n\nAssistant:`);
  });
});
