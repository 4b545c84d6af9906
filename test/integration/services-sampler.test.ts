import { join } from 'node:path';
import { type Continuation, FinishReason, type GenerateRequest, type GenerateResponse } from '@alphapo/contracts';
import { ServiceProcess } from '../support/processes.ts';
import { startTestSampler } from './sampler.fixture.ts';
import { CALL, pairs, smallModel, startRun } from './services.fixture.ts';

/** The sampler over gRPC: prompts of all kinds, policies of an optimizer and of adapters, limits. */

const bytes = (text: string) => [...Buffer.from(text)].map((byte) => byte + 3);
const BOS = 0;

const text = (value: string) => ({ id: value, prompt: { $case: 'text' as const, value } });
const NOTHING: GenerateRequest = {
  ...{ prompts: [text('After 4:')], policy: undefined, continuations: 0, maxTokens: 8, sampling: undefined, seed: 0 },
  ...{ stop: [], ignoreEnd: false, alone: false, pieces: false, topLogProbs: 0 },
};

type Sampler = Awaited<ReturnType<typeof startTestSampler>>;

async function generate({ connection }: Pick<Sampler, 'connection'>, request: Partial<GenerateRequest>) {
  const parts: GenerateResponse[] = await Array.fromAsync(connection.generate({ ...NOTHING, ...request }, CALL));
  const of = <Case extends NonNullable<GenerateResponse['part']>['$case']>(wanted: Case) =>
    parts.flatMap(({ part }) =>
      part?.$case === wanted
        ? [part.value as Extract<NonNullable<GenerateResponse['part']>, { $case: Case }>['value']]
        : [],
    );
  const place = ({ prompt, index }: Continuation) => prompt * 1000 + index;
  const continuations = of('continuation').sort((a, b) => place(a) - place(b));
  return { header: of('header')[0], pieces: of('piece'), continuations, first: parts[0]?.part?.$case };
}

let model: string;
let sampler: Sampler;
beforeAll(async () => {
  model = await smallModel();
  sampler = await startTestSampler(model);
});
afterAll(async () => {
  await sampler[Symbol.asyncDispose]();
});

test('text, conversations and token ids are continued alike', async () => {
  const conversation = { $case: 'conversation' as const, value: { messages: [{ role: 'user', content: 'Hi' }] } };
  const rendered = bytes('\n\nHuman: Hi\n\nAssistant:');
  const tokens = (ids: number[]) => ({ id: '', prompt: { $case: 'tokens' as const, value: { ids } } });
  const prompts = [
    text('After 4:'),
    tokens([BOS, ...bytes('After 4:')]),
    { id: 'c', prompt: conversation },
    tokens(rendered),
  ];
  const { header, first, continuations } = await generate(sampler, { prompts });
  expect(first).toBe('header');
  expect(header).toEqual({ policy: undefined, promptTokens: [9, 9, rendered.length, rendered.length] });
  const [a, b, c, d] = continuations;
  expect([a?.id, a?.tokens, c?.id, c?.tokens]).toEqual(['After 4:', b?.tokens, 'c', d?.tokens]);
  expect(a).toMatchObject({ finish: FinishReason.LENGTH, logProbs: { length: 8 } });
});

test('alphapo ask prints the answer to a text, or to what a user says', async () => {
  const ask = async (...options: string[]) => {
    const common = ['--sampler', sampler.address, '--max-tokens', '8'];
    await using child = new ServiceProcess(['ask', ...common, ...options]);
    const code = await child.exited();
    return { code, output: child.output };
  };
  const conversation = { $case: 'conversation' as const, value: { messages: [{ role: 'user', content: 'Hi' }] } };
  const { continuations } = await generate(sampler, { prompts: [text('After 4:'), { id: '', prompt: conversation }] });
  const [toText, toUser] = continuations.map((one) => ({ text: one.text, tokens: 8, finish: 'length' }));
  expect(JSON.parse((await ask('--prompt', 'After 4:')).output)).toEqual(toText);
  expect(JSON.parse((await ask('--prompt', 'Hi', '--chat')).output)).toEqual(toUser);
  const { code, output } = await ask('--prompt', 'Hi', '--policy', 'latest');
  expect([code === 0, output]).toEqual([false, expect.stringContaining('optimizer')]);
});

test('pieces add up to the answer, in text and in tokens', async () => {
  const sampling = { temperature: 1.5, topK: 0, topP: 0, minP: 0, repetitionPenalty: 0 };
  const asked = { pieces: true, continuations: 3, maxTokens: 24, sampling, seed: 5, topLogProbs: 2 };
  const { pieces, continuations } = await generate(sampler, asked);
  expect(continuations).toHaveLength(3);
  for (const { index, text: whole, tokens, logProbs, top } of continuations) {
    const own = pieces.filter((piece) => piece.index === index);
    expect(own.map((piece) => piece.text).join('')).toBe(whole);
    expect(own.flatMap((piece) => piece.tokens)).toEqual(tokens);
    expect(own.flatMap((piece) => piece.logProbs)).toEqual(logProbs);
    expect(top.map(({ tokens: candidates }) => candidates.length)).toEqual(tokens.map(() => 2));
  }
  expect(await generate(sampler, asked)).toMatchObject({
    continuations: continuations.map(({ tokens }) => ({ tokens })),
  });
});

test('a stop text ends an answer and is not a part of it', async () => {
  const [free] = (await generate(sampler, { maxTokens: 30 })).continuations;
  const stop = free?.text.slice(3, 5) as string;
  const [stopped] = (await generate(sampler, { maxTokens: 30, stop: [stop] })).continuations;
  expect(stopped).toMatchObject({ finish: FinishReason.STOP, text: free?.text.slice(0, free.text.indexOf(stop)) });
});

test('the newest policy of a run, a version of it, and its adapter say the same', async () => {
  await using run = await startRun(model, { learningRate: 0.05, steps: 4, loraRank: 4 });
  await run.train(pairs(16));
  await run.connection.export({ name: 'last' }, CALL);
  const adapter = join(run.folder, 'exports', 'last');
  await using trained = await startTestSampler(model, {
    optimizerAddress: run.optimizer.address,
    adapters: new Map([['tuned', adapter]]),
  });
  const prompts = [text('After 7:'), text('After 12:')];
  const answers = async (policy: GenerateRequest['policy']) => {
    const { header, continuations } = await generate(trained, { prompts, policy, maxTokens: 16 });
    return { version: header?.policy, tokens: continuations.map(({ tokens }) => tokens) };
  };
  const latest = await answers({ $case: 'latest', value: {} });
  expect(latest.version).toMatchObject({ step: 4n, digest: run.optimizer.trainer.policy.digest });
  const named = latest.version as NonNullable<typeof latest.version>;
  expect((await answers({ $case: 'version', value: named })).tokens).toEqual(latest.tokens);
  expect((await answers({ $case: 'adapter', value: 'tuned' })).tokens).toEqual(latest.tokens);
  expect((await answers({ $case: 'base', value: {} })).tokens).not.toEqual(latest.tokens);
  await expect(answers({ $case: 'adapter', value: 'tunde' })).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining('there are tuned'),
  });
  expect(await trained.connection.describeSampler({}, CALL)).toMatchObject({
    ...{ modelName: 'small', modelType: 'llama', vocabularySize: 259, maxLength: 128, adapters: ['tuned'] },
    policies: [{ step: 4n }],
  });
});

test.each<[string, Partial<GenerateRequest>, string, string]>([
  ['no prompts', { prompts: [] }, 'INVALID_REQUEST', 'prompts: needs at least 1'],
  [
    'an empty prompt',
    { prompts: [text('a'), { id: '', prompt: undefined }] },
    'INVALID_REQUEST',
    'prompts[1]: set one of',
  ],
  [
    'an unknown token',
    { prompts: [{ id: '', prompt: { $case: 'tokens', value: { ids: [9, 259] } } }] },
    'UNKNOWN_TOKEN',
    'prompts[0]',
  ],
  ['a prompt that fills the model', { prompts: [text('a'.repeat(200))] }, 'TOO_LONG', 'prompts[0]'],
  ['too many continuations', { continuations: 1000 }, 'INVALID_REQUEST', 'continuations: 1000 exceed the limit'],
  [
    'more tokens than a call has room for',
    { prompts: Array.from({ length: 256 }, () => text('a'.repeat(100))), continuations: 128, maxTokens: 120 },
    'TOO_MANY_TOKENS',
    'a call has room for',
  ],
  ['a policy without an optimizer', { policy: { $case: 'latest', value: {} } }, 'NO_OPTIMIZER', '--optimizer'],
])('%s is refused by name', async (_what, request, reason, said) => {
  await expect(generate(sampler, request)).rejects.toMatchObject({ reason, message: expect.stringContaining(said) });
});
