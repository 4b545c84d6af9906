import { parsePreference, readRecords } from '@alphapo/data';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { byteTokenizer } from './byte-tokenizer.fixture.ts';
import { openTokenizer, type Tokenizer, tokenizePreference } from './index.ts';
import { openQwen, tokenizerPath } from './real-tokenizers.fixture.ts';
import { splitExchange } from './split.ts';

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

describe('a template that writes the prompt differently when a response follows', () => {
  const prompt = [user('first'), assistant('a'), user('last')];
  const split = async (template: string, response = [assistant('reply')]) => {
    const tokenizer = await byteTokenizer({ files: { 'chat_template.jinja': template } });
    const { responses } = splitExchange(tokenizer, { kind: 'messages', prompt, responses: [response] }, 'append');
    return tokenizer.decode(responses[0] ?? [], { skipSpecialTokens: false });
  };
  const all = '{% for m in messages %}[{{ m.content }}]{% endfor %}';

  test('is refused where that changes its messages', async () => {
    await expect(split(`{{ messages | length }}${all}`)).rejects.toMatchObject({ reason: 'TEMPLATE_REWRITES_PROMPT' });
    await expect(split(`{{ messages[-1].content }}${all}`)).rejects.toMatchObject({
      reason: 'TEMPLATE_REWRITES_PROMPT',
    });
  });

  test('is accepted if only the generation prompt differs', async () => {
    expect(await split(`${all}{% if add_generation_prompt %}last think{% endif %}`)).toBe('[reply]');
    expect(await split(`${all}{% if add_generation_prompt %}[{% else %}<|end|>{% endif %}`)).toBe('reply]<|end|>');
  });
});

describeShared('real tokenizers', () => {
  const split = (tokenizer: Tokenizer, prompt: string, ...responses: string[]) =>
    splitExchange(tokenizer, { kind: 'text', prompt, responses }, 'leave');

  test('where a token spans prompt and response, the prompt ends before it', async () => {
    const gpt2 = await openTokenizer(tokenizerPath('gpt2'));
    const ids = (text: string) => gpt2.encode(text, { addSpecialTokens: false });
    const { prompt, responses } = split(gpt2, 'Say: hel', 'lo', 'icopter');
    expect(prompt).toEqual(ids('Say:'));
    expect(responses).toEqual([ids(' hello'), ids(' helicopter')]);
  });

  test('where nothing is left of the prompt, the beginning-of-sequence token stands for it, if there is one', async () => {
    const gpt2 = await openTokenizer(tokenizerPath('gpt2'));
    expect(split(gpt2, 'hel', 'lo')).toMatchObject({ prompt: [gpt2.special.bos] });
    const preference = { kind: 'text', prompt: 'hel', chosen: 'lo', rejected: 'met' } as const;
    expect(tokenizePreference(await openQwen(), preference, { maxLength: 9, maxPromptLength: 8 })).toMatchObject({
      ok: false,
      reason: 'EMPTY_PROMPT',
    });
  });

  test.each<[name: string, open: () => Promise<Tokenizer>]>([
    ['GPT-2', () => openTokenizer(tokenizerPath('gpt2'))],
    ['Mistral', () => openTokenizer(tokenizerPath('mistral-7b'))],
    ['Qwen 2.5', openQwen],
    ['stories260K', () => openTokenizer(sharedPath('data/models/stories260K/hf') as string)],
  ])('%s: prompt + response is the text, and begins with the same prompt for both', async (_name, open) => {
    const tokenizer = await open();
    let compared = 0;
    for (const file of ['hh-rlhf-helpful-base-test/implicit.jsonl.gz', 'llamafactory-demos/dpo_zh_demo.json']) {
      let left = 50;
      for await (const { bytes } of readRecords(sharedPath('data/prefs', file) as string)) {
        if (left-- === 0) break;
        const parsed = parsePreference(bytes);
        if (!parsed.ok || parsed.preference.kind === 'tokens') throw new Error('refused');
        const { prompt, chosen, rejected } = asText(parsed.preference);
        const ids = split(tokenizer, prompt, chosen, rejected);
        const whole = (text: string) => tokenizer.encode(prompt + text, { addSpecialTokens: true });
        expect([...ids.prompt, ...(ids.responses[0] ?? [])]).toEqual(whole(chosen));
        expect([...ids.prompt, ...(ids.responses[1] ?? [])]).toEqual(whole(rejected));
        compared++;
      }
    }
    expect(compared).toBe(100);
  });

  test.each(['hh-rlhf-helpful-base-test/pairs.jsonl.gz', 'llamafactory-demos/dpo_en_demo.json'])(
    "Qwen 2.5's template keeps the prompt of the conversations in %s",
    async (file) => {
      const tokenizer = await openQwen();
      let left = 50;
      for await (const { bytes } of readRecords(sharedPath('data/prefs', file) as string)) {
        if (left-- === 0) break;
        const parsed = parsePreference(bytes);
        if (!parsed.ok || parsed.preference.kind !== 'messages') throw new Error('refused');
        const { prompt, chosen, rejected } = parsed.preference;
        const ids = splitExchange(tokenizer, { kind: 'messages', prompt, responses: [chosen, rejected] }, 'append');
        const text = tokenizer.decode(ids.prompt, { skipSpecialTokens: false });
        expect(text).toBe(tokenizer.chatTemplate.render(prompt, { addGenerationPrompt: true }).normalize('NFC'));
        const reply = tokenizer.decode(ids.responses[0] ?? [], { skipSpecialTokens: false });
        expect(reply).toBe(`${chosen[0]?.content}<|im_end|>\n`.normalize('NFC'));
      }
    },
  );
});

type Said = string | readonly { readonly content: string | null }[];

const asText = ({ prompt, chosen, rejected }: { prompt: Said; chosen: Said; rejected: Said }) => {
  const text = (said: Said) => (typeof said === 'string' ? said : said.map(({ content }) => content).join('\n'));
  return { prompt: text(prompt), chosen: text(chosen), rejected: text(rejected) };
};
