import {
  objectiveToWire,
  type ScoreItem,
  type ScoreRequest,
  type ScoreResult,
  ScorerServiceDefinition,
} from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import { CALL, LOOPBACK, silent, smallModel } from './services.fixture.ts';

/** Ids of the byte tokenizer. */
const bytes = (text: string) => [...Buffer.from(text)].map((byte) => byte + 3);
const [BOS, EOS] = [0, 1];

async function start(model: string) {
  await using opened = new AsyncDisposableStack();
  const scorer = opened.use(
    await startScorer({ model, address: LOOPBACK, executionProvider: 'cpu', threads: 1 }, silent),
  );
  const connection = opened.use(connect(ScorerServiceDefinition, scorer.address));
  const owned = opened.move();
  const score = async (items: ScoreItem[], request: Partial<ScoreRequest> = {}): Promise<ScoreResult[]> => {
    const whole = { items, policy: undefined, perToken: false, objective: undefined, batch: undefined, ...request };
    return (await connection.score(whole, CALL)).results;
  };
  return { connection, score, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

let scorer: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  scorer = await start(await smallModel());
});
afterAll(async () => {
  await scorer[Symbol.asyncDispose]();
});

const textPair = (prompt: string, chosen: string, rejected: string, weight?: number): ScoreItem => ({
  id: 'pair',
  item: { $case: 'textPair', value: { prompt: { $case: 'text', value: prompt }, chosen, rejected, weight } },
});
const tokenPair = (prompt: number[], chosen: number[], rejected: number[], weight?: number): ScoreItem => ({
  id: 'pair',
  item: {
    $case: 'tokenPair',
    value: {
      ...{ id: '', prompt, chosen, rejected, weight, sourceOffset: 0n },
      ...{ truncatedPromptTokens: 0, truncatedChosenTokens: 0, truncatedRejectedTokens: 0 },
    },
  },
});
const tokenSequence = (prompt: number[], response: number[]): ScoreItem => ({
  id: 'sequence',
  item: { $case: 'tokenSequence', value: { prompt, response } },
});
const conversation = (content: string) => ({
  $case: 'conversation' as const,
  value: { messages: [{ role: 'user', content }] },
});

test('it describes the model that it has', async () => {
  expect(await scorer.connection.describeScorer({}, CALL)).toMatchObject({
    modelType: 'llama',
    vocabularySize: 259,
    maxLength: 128,
    executionProvider: 'cpu',
    threads: 1,
    policies: [],
  });
});

test('texts score as their tokens do', async () => {
  const texts = await scorer.score([textPair('2 + 2 =', ' 4', ' 5'), textPair('Hällo', ' 🙂', '!')]);
  const tokens = await scorer.score([
    tokenPair([BOS, ...bytes('2 + 2 =')], [...bytes(' 4'), EOS], [...bytes(' 5'), EOS]),
    tokenPair([BOS, ...bytes('Hällo')], [...bytes(' 🙂'), EOS], [...bytes('!'), EOS]),
  ]);
  expect(texts).toEqual(tokens);
  expect(tokens[0]?.chosen).not.toEqual(tokens[0]?.rejected);
});

test('conversations score as the tokens of what the template writes', async () => {
  const prompt = bytes('\n\nHuman: Hi\n\nAssistant:');
  const pair: ScoreItem = {
    id: 'pair',
    item: { $case: 'textPair', value: { prompt: conversation('Hi'), chosen: 'Hello', rejected: 'Bah' } },
  };
  const sequence: ScoreItem = {
    id: 'sequence',
    item: { $case: 'textSequence', value: { prompt: conversation('Hi'), response: 'Hello' } },
  };
  expect(await scorer.score([pair, sequence])).toEqual(
    await scorer.score([tokenPair(prompt, bytes(' Hello'), bytes(' Bah')), tokenSequence(prompt, bytes(' Hello'))]),
  );
});

test('results come in the order of the items, with their ids, whatever their kinds', async () => {
  const [prompt, response] = [
    [BOS, 5, 6],
    [7, 8],
  ];
  const pair = { ...tokenPair(prompt, response, [9]), id: 'a' };
  const sequence = { ...tokenSequence(prompt, response), id: 'b' };
  const results = await scorer.score([sequence, pair, { ...sequence, id: 'c' }]);
  expect(results.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
  expect(results.map(({ rejected }) => rejected === undefined)).toEqual([true, false, true]);
  for (const { chosen } of results) {
    expect(chosen?.tokens).toBe(2);
    expect(chosen?.sum).toBeCloseTo(results[0]?.chosen?.sum as number, 4);
  }
});

test('where asked for, every token has its log-probability; they add up to the sum', async () => {
  const items = [tokenPair([BOS, 5], [6, 7, 8], [9])];
  const [{ chosen, rejected } = {} as ScoreResult] = await scorer.score(items, { perToken: true });
  expect([chosen?.logProbs.length, rejected?.logProbs.length]).toEqual([3, 1]);
  for (const score of [chosen, rejected]) {
    const sum = score?.logProbs.reduce((total, logProb) => total + logProb, 0) as number;
    expect(sum).toBeCloseTo(score?.sum as number, 4);
    expect(score?.mean).toBeCloseTo((score?.sum as number) / (score?.tokens as number), 6);
    expect(score?.logProbs.every((logProb) => logProb < 0)).toBe(true);
  }
  const [without] = await scorer.score(items);
  expect(without?.chosen?.logProbs).toEqual([]);
});

test("an objective adds rewards and a loss, by AlphaPO's formula", async () => {
  const [alpha, beta, gamma] = [0.25, 2.5, 0.25];
  const objective = objectiveToWire({ kind: 'alphapo', alpha, beta, gamma });
  const items = [tokenPair([BOS, 5], [6, 7, 8], [9])];
  const [{ chosen, rejected, reward } = {} as ScoreResult] = await scorer.score(items, { objective });
  const rewardOf = (mean: number) => (beta * (1 - Math.exp(-alpha * mean))) / alpha;
  const [better, worse] = [rewardOf(chosen?.mean as number), rewardOf(rejected?.mean as number)];
  expect(reward?.rewardChosen).toBeCloseTo(better, 4);
  expect(reward?.rewardRejected).toBeCloseTo(worse, 4);
  expect(reward?.margin).toBeCloseTo(better - worse, 4);
  expect(reward?.loss).toBeCloseTo(Math.log1p(Math.exp(gamma - (better - worse))), 4);
  expect((await scorer.score(items))[0]?.reward).toBeUndefined();
});

test('pairs of a larger batch have their share of its loss, in however many requests', async () => {
  const objective = objectiveToWire({ kind: 'sft', average: 'tokens' });
  const items = [tokenPair([BOS, 5], [6, 7, 8], [9]), tokenPair([BOS], [6], [9, 10])];
  const whole = await scorer.score(items, { objective });
  const batch = { pairs: 2, chosenTokens: 4 };
  const parts = [
    ...(await scorer.score(items.slice(0, 1), { objective, batch })),
    ...(await scorer.score(items.slice(1), { objective, batch })),
  ];
  const losses = (results: ScoreResult[]) => results.map(({ reward }) => reward?.loss as number);
  losses(whole).forEach((loss, i) => {
    expect(losses(parts)[i]).toBeCloseTo(loss, 4);
    expect(loss).toBeCloseTo(-(whole[i]?.chosen?.sum as number) / 2, 6);
  });
  const tooFew = scorer.score(items, { objective, batch: { pairs: 2, chosenTokens: 3 } });
  await expect(tooFew).rejects.toMatchObject({ code: 'invalid-argument', metadata: { field: 'batch' } });
});

test('the weight of a pair multiplies its loss, and nothing else', async () => {
  const objective = objectiveToWire({ kind: 'sft', average: 'tokens' });
  const scored = async (weight?: number) => {
    const token = tokenPair([BOS, 5], [6, 7, 8], [9], weight);
    const results = await scorer.score([token, textPair('2 + 2 =', ' 4', ' 5', weight)], { objective });
    return results.map(({ chosen, rejected, reward: { loss, ...rewards } = {} }) => ({
      loss: loss as number,
      others: { chosen, rejected, rewards },
    }));
  };
  const plain = await scored();
  for (const weight of [0, 0.5, 1, 3]) {
    for (const [i, { loss, others }] of (await scored(weight)).entries()) {
      expect(loss).toBe(weight * (plain[i]?.loss as number));
      expect(others).toEqual(plain[i]?.others);
    }
  }
});

const NO_WEIGHTS = [-1, Number.NaN, Number.POSITIVE_INFINITY];

test.each<[string, ScoreItem, RegExp]>([
  ...NO_WEIGHTS.flatMap((weight): [string, ScoreItem, RegExp][] => [
    [`the weight ${weight}`, tokenPair([BOS, 5], [6], [7], weight), /is not a weight/],
    [`the weight ${weight} of texts`, textPair('a', 'b', 'c', weight), /is not a weight/],
  ]),
  ['no kind', { id: 'x', item: undefined }, /set one of token_pair/],
  [
    'no prompt',
    { id: 'x', item: { $case: 'textPair', value: { prompt: undefined, chosen: 'a', rejected: 'b' } } },
    /the prompt is missing/,
  ],
  ['a token that the model lacks', tokenPair([BOS, 5], [259], [6]), /259/],
  ['no response', tokenSequence([BOS, 5], []), /response/],
  ['no prompt tokens', tokenSequence([], [5]), /prompt/],
  ['more tokens than the model has positions for', tokenSequence([BOS], Array(128).fill(5)), /129.*128|128.*129/],
])('an item with %s is refused by its index', async (_what, item, message) => {
  const scoring = scorer.score([tokenSequence([BOS], [5]), item]);
  await expect(scoring).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(message) });
  await expect(scoring).rejects.toThrow(/items\[1\]/);
});

test('more items than a call may have are refused', async () => {
  const items = Array.from({ length: 1025 }, () => tokenSequence([BOS], [5]));
  await expect(scorer.score(items)).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('items: 1025 items exceed the limit of 1024'),
  });
});

/** A request for the gradient of a shard of equal pairs, which is the whole batch. */
function gradientOf(count: number, weight?: number) {
  const { item } = tokenPair([BOS], [5], [6], weight);
  if (item?.$case !== 'tokenPair') throw new Error('the pair has no tokens');
  const objective = objectiveToWire({ kind: 'simpo', beta: 2, gamma: 1, labelSmoothing: 0, nll: undefined });
  const request = {
    ...{ runId: '', step: 1n, shard: 0, policy: { runId: '', step: 0n, digest: '' }, objective },
    ...{ pairs: Array.from({ length: count }, () => item.value), batchPairs: count },
    ...{ batchChosenTokens: 0, referenceModelDigest: '', dtype: '', compute: undefined },
  };
  return Array.fromAsync(scorer.connection.gradient(request, CALL));
}

test('more pairs than a shard may have are refused', async () => {
  await expect(gradientOf(4097)).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('pairs: 4097 exceed the limit of 4096'),
  });
});

test.each(NO_WEIGHTS)('a shard with the weight %p is refused', async (weight) => {
  await expect(gradientOf(2, weight)).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining(`pairs[0].weight: ${weight} is not a weight`),
  });
});

test('without an optimizer there is the base model only', async () => {
  const items = [tokenSequence([BOS], [5])];
  for (const policy of [
    { $case: 'latest' as const, value: {} },
    { $case: 'version' as const, value: { runId: 'r', step: 1n, digest: 'sha256:0' } },
  ]) {
    await expect(scorer.score(items, { policy })).rejects.toMatchObject({
      code: 'failed-precondition',
      reason: 'NO_OPTIMIZER',
    });
  }
  expect(await scorer.score(items, { policy: { $case: 'base', value: {} } })).toEqual(await scorer.score(items));
});
