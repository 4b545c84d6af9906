import { readFile } from 'node:fs/promises';
import type { Message } from '@alphapo/data';
import { describeShared } from '../../../test/support/shared-data.ts';
import { JinjaTemplate } from './chat-template.ts';
import { openTokenizer, type Tokenizer } from './index.ts';
import { openQwen, tokenizerPath } from './real-tokenizers.fixture.ts';

const json = async (path: string) => JSON.parse(await readFile(tokenizerPath(path), 'utf8'));

interface Vector {
  readonly text: string;
  readonly ids: readonly number[];
  /** Where the publisher gives it. */
  readonly decoded?: string;
}

interface SwiftVector {
  readonly input: string;
  readonly encoded: { readonly input_ids: readonly number[] };
  readonly decoded_with_special: string;
}

/** A template, what it is given, and what comes out. */
interface TemplateCase {
  readonly chat_template: string;
  readonly data: {
    readonly messages: readonly Message[];
    readonly add_generation_prompt?: boolean | null;
    readonly bos_token?: string;
    readonly eos_token?: string;
  };
  readonly target: string;
}

function expectVectors(tokenizer: Tokenizer, vectors: readonly Vector[], count: number): void {
  expect(vectors).toHaveLength(count);
  for (const { text, ids, decoded } of vectors) {
    expect([text, tokenizer.encode(text, { addSpecialTokens: false })]).toEqual([text, ids]);
    if (decoded !== undefined) expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(decoded);
  }
}

/** llama.cpp: texts between marks, and a line of ids each. */
async function llamaCppVectors(name: string): Promise<Vector[]> {
  const read = (end: string) => readFile(tokenizerPath(`vectors-llama.cpp/ggml-vocab-${name}.gguf.${end}`), 'utf8');
  const [texts, lines] = [(await read('inp')).split('\n__ggml_vocab_test__\n'), (await read('out')).split('\n')];
  const ids = (line: string | undefined) => (line ?? '').split(' ').filter(Boolean).map(Number);
  return texts.map((text, i) => ({ text, ids: ids(lines[i]) }));
}

async function transformersJsVectors(file: string, model: string): Promise<Vector[]> {
  return Object.values((await json(`vectors-transformersjs/${file}`))[model]);
}

describeShared("GPT-2's tokenizer", () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await openTokenizer(tokenizerPath('gpt2'));
  });

  test("gives transformers.js's ids and texts", async () => {
    expectVectors(tokenizer, await transformersJsVectors('gpt2.json', 'Xenova/gpt2'), 26);
  });

  test("gives llama.cpp's ids", async () => {
    expectVectors(tokenizer, await llamaCppVectors('gpt-2'), 47);
  });

  test("gives swift-transformers' ids and texts", async () => {
    const { distilgpt2 } = await json('vectors-swift-transformers/tokenizer_tests.json');
    const vectors = (distilgpt2 as SwiftVector[]).map(({ input, encoded, decoded_with_special }) => ({
      text: input,
      ids: encoded.input_ids,
      decoded: decoded_with_special,
    }));
    expectVectors(tokenizer, vectors, 18);
  });

  test('does not cut long texts, though its file asks for 50 tokens', async () => {
    const { text, token_ids: ids } = await json('vectors-swift-transformers/gpt2_encoded_tokens.json');
    expect(ids).toHaveLength(221);
    expectVectors(tokenizer, [{ text, ids, decoded: text }], 1);
  });

  test('splits at the white space of Unicode, as Rust does: with U+0085, without U+FEFF', () => {
    const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
    expect(encode("23\ufeff's\n\n")).toEqual([1954, 171, 119, 123, 6, 82, 628]);
    expect(encode('\n\n\ufeffB45671')).toEqual([198, 198, 171, 119, 123, 33, 2231, 46250]);
    expect(encode("x \x85 'll")).toEqual([87, 1587, 227, 705, 297]);
    expect(encode('a.\x85 b')).toEqual([64, 13, 126, 227, 275]);
  });

  test('knows its vocabulary and its only special token', () => {
    expect(tokenizer.vocabularySize).toBe(50257);
    expect(tokenizer.special).toEqual({ bos: 50256, eos: 50256, pad: undefined });
    expect(tokenizer.chatTemplate.source).toBe('fallback');
  });
});

describeShared("Qwen 2.5's tokenizer", () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await openQwen();
  });

  test("gives transformers.js's ids and texts", async () => {
    expectVectors(tokenizer, await transformersJsVectors('qwen2.json', 'Xenova/Qwen1.5-0.5B-Chat'), 25);
  });

  test("gives llama.cpp's ids", async () => {
    expectVectors(tokenizer, await llamaCppVectors('qwen2'), 47);
  });

  test("writes a conversation with its own template, with one token for each of the template's marks", () => {
    expect(tokenizer.chatTemplate.source).toBe('model');
    const messages = [{ role: 'user', content: 'Hi' }];
    const text = tokenizer.chatTemplate.render(messages, { addGenerationPrompt: true });
    expect(text).toBe(
      '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' +
        '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    );
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    const [start, end] = [151644, 151645];
    expect(ids.filter((id) => id === start || id === end)).toEqual([start, end, start, end, start]);
    expect(tokenizer.special.eos).toBe(end);
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text);
  });
});

describeShared("Mistral's tokenizer", () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await openTokenizer(tokenizerPath('mistral-7b'));
  });

  test("gives mistral-common's ids of a conversation, given the spaces that its own template leaves out", async () => {
    const { messages } = await json('mistral-7b/mistral-common-samples/no_tools/sample.json');
    const { tokens } = await json('mistral-7b/mistral-common-samples/no_tools/tokens_v1.json');
    const text = tokenizer.chatTemplate.render(messages, { addGenerationPrompt: true });
    expect(text).toMatch(
      /^<s>\[INST\] What's the result of 5 \+ 5\? \[\/INST\]The result of 5 \+ 5 is 10\.<\/s>\[INST\] /,
    );
    const spaced = text.replaceAll(/\[\/INST\](?=.)/g, '[/INST] ');
    expect(tokenizer.encode(spaced, { addSpecialTokens: false })).toEqual(tokens);
  });

  test('refuses a conversation whose roles do not alternate, in the words of its template', () => {
    const message = { role: 'user', content: 'Hi' };
    expect(() => tokenizer.chatTemplate.render([message, message], { addGenerationPrompt: true })).toThrow(
      expect.objectContaining({ reason: 'TEMPLATE_REFUSED', message: expect.stringContaining('must alternate') }),
    );
  });

  test('writes what it has no token for as bytes, and reads it back', () => {
    const text = 'Khmer ក, a bell \u0007, 🦙';
    const ids = tokenizer.encode(text, { addSpecialTokens: true });
    expect(ids[0]).toBe(1);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true }).trimStart()).toBe(text);
  });
});

describeShared('published chat templates', () => {
  test('that need no more than messages, and no date, come out as their publishers wrote them', async () => {
    const cases: [string, TemplateCase][] = Object.entries(await json('vectors-transformersjs/jinja-e2e.json'));
    let compared = 0;
    for (const [name, { chat_template, data, target }] of cases) {
      const { messages, add_generation_prompt, bos_token, eos_token, ...others } = data;
      const plain = messages.every(
        (message) => Object.keys(message).sort().join() === 'content,role' && typeof message.content === 'string',
      );
      if (Object.keys(others).length > 0 || !plain || typeof add_generation_prompt !== 'boolean') continue;
      if (chat_template.includes('strftime_now')) continue;
      compared++;
      const template = new JinjaTemplate(chat_template, 'file', { bos_token, eos_token });
      const text = template.render(messages, { addGenerationPrompt: add_generation_prompt });
      expect([name, text]).toEqual([name, target]);
    }
    expect(compared).toBe(15);
  });
});
