import { startTestSampler } from './sampler.fixture.ts';
import { smallModel } from './services.fixture.ts';

/** OpenAI's API of the sampler, with fetch. The official client is tried by `npm run interop`. */

let sampler: Awaited<ReturnType<typeof startTestSampler>>;
beforeAll(async () => {
  sampler = await startTestSampler(await smallModel());
});
afterAll(async () => {
  await sampler[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  fetch(`${sampler.url}${path}`, { method: 'POST', body: JSON.stringify(body), ...init });

// biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by what a test expects of it
const answer = async (path: string, body: object): Promise<any> =>
  (await post(path, { model: 'small', ...body })).json();

/** The values of a stream of server-sent events; the last one is "[DONE]". */
async function chunks(path: string, body: object) {
  const response = await post(path, { model: 'small', stream: true, ...body });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const lines = (await response.text()).split('\n\n').filter((line) => line !== '');
  expect(lines.at(-1)).toBe('data: [DONE]');
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return lines.slice(0, -1).map((line): any => JSON.parse(line.replace(/^data: /, '')));
}

const PROMPT = { prompt: 'After 4:', max_tokens: 12, temperature: 0 };
const CHAT = { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 12, temperature: 0 };

test('models are listed, and found by name', async () => {
  const list = await (await fetch(`${sampler.url}/models`)).json();
  expect(list).toMatchObject({ object: 'list', data: [{ id: 'small', object: 'model', owned_by: 'alphapo' }] });
  expect(await (await fetch(`${sampler.url}/models/small`)).json()).toMatchObject({ id: 'small' });
  expect(await fetch(`${sampler.url}/models/large`)).toMatchObject({ status: 404 });
  expect(await fetch(sampler.url.replace('/v1', '/health'))).toMatchObject({ status: 200 });
});

test('a completion has text, reason and usage; several prompts and answers come in order', async () => {
  const single = await answer('/completions', PROMPT);
  expect(single).toMatchObject({
    ...{ object: 'text_completion', model: 'small', id: expect.stringMatching(/^cmpl-/) },
    choices: [{ index: 0, finish_reason: 'length', logprobs: null }],
    usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 },
  });
  const several = await answer('/completions', { ...PROMPT, prompt: ['After 4:', 'After 5:'], n: 2 });
  expect(several.choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
  expect(several.choices[1].text).toBe(single.choices[0].text);
  const byIds = await answer('/completions', {
    ...PROMPT,
    prompt: [[0, ...[...'After 4:'].map((c) => c.charCodeAt(0) + 3)]],
  });
  expect(byIds.choices[0].text).toBe(single.choices[0].text);
});

test('echo with logprobs scores the prompt as well', async () => {
  const asked = { ...PROMPT, max_tokens: 2, logprobs: 3, echo: true };
  const { choices } = await answer('/completions', asked);
  const { tokens, token_logprobs: scores, top_logprobs: top, text_offset: offsets } = choices[0].logprobs;
  expect([tokens.length, scores.length, top.length, offsets.length]).toEqual([11, 11, 11, 11]);
  expect([scores[0], top[0]]).toEqual([null, null]);
  for (const [i, score] of scores.slice(1).entries()) {
    expect(score).toBeLessThan(0);
    expect(Math.max(...Object.values<number>(top[i + 1]))).toBeGreaterThanOrEqual(score);
  }
  // Greedy: what was generated is the most probable token.
  for (const i of [9, 10]) expect(Math.max(...Object.values<number>(top[i]))).toBeCloseTo(scores[i], 5);
  const onlyScored = await answer('/completions', { ...asked, max_tokens: 0 });
  expect(onlyScored.choices[0].logprobs.token_logprobs).toEqual(scores.slice(0, 9));
  expect(onlyScored.usage.completion_tokens).toBe(0);
});

test('a stream gives the same text in pieces, then the reason and the usage', async () => {
  const whole = await answer('/completions', PROMPT);
  const all = await chunks('/completions', { ...PROMPT, stream_options: { include_usage: true } });
  expect(
    all
      .flatMap(({ choices }) => choices)
      .map(({ text }) => text)
      .join(''),
  ).toBe(whole.choices[0].text);
  expect(all.at(-2).choices[0].finish_reason).toBe('length');
  expect(all.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
  expect(new Set(all.map(({ id }) => id)).size).toBe(1);
});

test('chat: an answer, a stream of deltas, and log-probabilities', async () => {
  const whole = await answer('/chat/completions', { ...CHAT, logprobs: true, top_logprobs: 2 });
  const [{ message, logprobs, finish_reason: reason }] = whole.choices;
  expect([message.role, reason, logprobs.content.length]).toEqual(['assistant', 'length', 12]);
  expect(logprobs.content[0]).toMatchObject({ logprob: expect.any(Number), top_logprobs: [{}, {}] });
  const all = await chunks('/chat/completions', CHAT);
  expect(all[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
  expect(all.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(message.content);
  const parts = [{ type: 'text', text: 'Hi' }];
  const inParts = await answer('/chat/completions', { ...CHAT, messages: [{ role: 'user', content: parts }] });
  expect(inParts.choices[0].message.content).toBe(message.content);
});

test('without a seed answers differ, with one they do not', async () => {
  const ask = async (seed?: number) =>
    (await answer('/completions', { ...PROMPT, max_tokens: 24, temperature: 2, seed })).choices[0].text;
  expect(await ask(7)).toBe(await ask(7));
  expect(await ask()).not.toBe(await ask());
});

test.each<[string, string, unknown, number, string]>([
  ['another model', '/completions', { model: 'large', prompt: 'a' }, 404, 'this server has small'],
  ['no JSON', '/completions', undefined, 400, 'not valid JSON'],
  [
    'an unknown field',
    '/completions',
    { model: 'small', prompt: 'a', max_token: 3 },
    400,
    'max_token: is not supported',
  ],
  ['a penalty', '/completions', { model: 'small', prompt: 'a', presence_penalty: 1 }, 400, 'presence_penalty'],
  ['tools', '/chat/completions', { model: 'small', messages: CHAT.messages, tools: [{}] }, 400, 'tools'],
  [
    'an image',
    '/chat/completions',
    { model: 'small', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
    400,
    'messages.0.content',
  ],
  ['no messages', '/chat/completions', { model: 'small', messages: [] }, 400, 'messages'],
  ['a prompt that fills the model', '/completions', { model: 'small', prompt: 'a'.repeat(200) }, 400, 'prompts[0]'],
  ['an unknown token', '/completions', { model: 'small', prompt: [999] }, 400, 'token id 999'],
  ['echo in a stream', '/completions', { model: 'small', prompt: 'a', echo: true, stream: true }, 400, 'echo'],
  ['an unknown path', '/embeddings', { model: 'small' }, 404, '/v1/models'],
])('%s is refused by name', async (_what, path, body, status, said) => {
  const response = await post(path, body);
  expect(response.status).toBe(status);
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  expect(error).toMatchObject({ message: expect.stringContaining(said), type: 'invalid_request_error' });
  expect(Object.keys(error)).toEqual(['message', 'type', 'param', 'code']);
});

test('a client that leaves ends the computation', async () => {
  const long = { ...PROMPT, model: 'small', prompt: 'a', max_tokens: 120, n: 128, ignore_eos: true };
  const whole = performance.now();
  await (await post('/completions', long)).text();
  const wholeMs = performance.now() - whole;
  const abort = new AbortController();
  const response = await post('/completions', { ...long, stream: true }, { signal: abort.signal });
  await response.body?.getReader().read();
  abort.abort();
  const started = performance.now();
  await answer('/completions', { ...PROMPT, max_tokens: 1 });
  expect(performance.now() - started).toBeLessThan(wholeMs / 2);
});
