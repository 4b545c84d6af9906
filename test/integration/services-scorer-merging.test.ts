import { createServer, type Socket } from 'node:net';
import {
  type GradientRequest,
  objectiveToWire,
  type ScoreItem,
  type ScoreRequest,
  ScorerServiceDefinition,
  type TokenizedPair,
} from '@alphapo/contracts';
import { type Client, connect } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import { CALL, LOOPBACK, silent, smallModel, startRun, type TestRun, until } from './services.fixture.ts';

/** Many callers of one scorer, with a gradient among them. */

const pair = (prompt: number[], chosen: number[], rejected: number[]): TokenizedPair => ({
  ...{ id: '', prompt, chosen, rejected, sourceOffset: 0n },
  ...{ truncatedPromptTokens: 0, truncatedChosenTokens: 0, truncatedRejectedTokens: 0 },
});
const itemOf = (value: TokenizedPair): ScoreItem => ({ id: '', item: { $case: 'tokenPair', value } });
const request = (items: ScoreItem[], policy?: ScoreRequest['policy']): ScoreRequest => ({
  ...{ items, policy, perToken: false, objective: undefined, batch: undefined },
});
const GOOD = itemOf(pair([0, 5], [6, 7], [8]));
const UNKNOWN_TOKEN = itemOf(pair([0, 5], [259], [8]));

let model: string;
let run: TestRun;
let scorer: Client<ScorerServiceDefinition>;
beforeAll(async () => {
  model = await smallModel();
  run = await startRun(model);
  scorer = connect(ScorerServiceDefinition, run.scorer.address);
});
afterAll(async () => {
  scorer[Symbol.dispose]();
  await run[Symbol.asyncDispose]();
});

const score = (whole: ScoreRequest, options: { signal?: AbortSignal; timeoutMs?: number } = {}) =>
  scorer.score(whole, { ...CALL, ...options });
const scoring = async () => (await scorer.describeScorer({}, CALL)).scoring;

/** Of hundreds of packs. */
const LONG_PAIRS = 400;

/** A gradient that takes seconds, under the policy that the run starts with. */
function longGradient() {
  const policy = { runId: 'any', step: 0n, digest: run.optimizer.trainer.policy.digest };
  const tokens = (count: number) => Array.from({ length: count }, (_, i) => 5 + (i % 200));
  const whole: GradientRequest = {
    ...{ runId: 'any', step: 1n, shard: 0, policy, referenceModelDigest: '' },
    ...{ batchPairs: LONG_PAIRS, batchChosenTokens: LONG_PAIRS * 40 },
    compute: undefined,
    dtype: '',
    objective: objectiveToWire({ kind: 'simpo', beta: 2.5, gamma: 0, labelSmoothing: 0 }),
    pairs: Array.from({ length: LONG_PAIRS }, () => pair(tokens(40), tokens(40), tokens(40))),
  };
  const abort = new AbortController();
  let isComputing = true;
  const ended = (async () => {
    try {
      for await (const _part of scorer.gradient(whole, { ...CALL, signal: abort.signal })) break;
    } finally {
      isComputing = false;
    }
  })();
  return { ended, abort, isComputing: () => isComputing };
}

/** Starts a gradient, and waits until it computes. */
async function begunGradient() {
  const gradient = longGradient();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await score(request([GOOD]));
  return gradient;
}

test('calls at the same time are computed together', async () => {
  const before = await scoring();
  const gradient = await begunGradient();
  const answers = await Promise.all(Array.from({ length: 40 }, () => score(request([GOOD]))));
  const after = await scoring();
  const grown = (key: 'calls' | 'executions' | 'mergedExecutions') =>
    Number((after?.[key] ?? 0n) - (before?.[key] ?? 0n));
  expect(answers.every(({ results }) => results.length === 1)).toBe(true);
  expect(grown('mergedExecutions')).toBeGreaterThan(0);
  expect(grown('executions')).toBeLessThan(20);
  gradient.abort.abort();
  await gradient.ended.catch(() => {});
});

test('a score under any policy is answered while a long gradient is computed', async () => {
  const gradient = await begunGradient();
  const version = { runId: 'any', step: 0n, digest: run.optimizer.trainer.policy.digest };
  for (const policy of [
    { $case: 'base' as const, value: {} },
    { $case: 'latest' as const, value: {} },
    { $case: 'version' as const, value: version },
  ]) {
    await score(request([GOOD], policy));
  }
  expect(gradient.isComputing()).toBe(true);
  await gradient.ended;
});

test('a gradient ends while scores are asked for all the time', async () => {
  const gradient = longGradient();
  const client = async () => {
    while (gradient.isComputing()) await score(request(Array.from({ length: 20 }, () => GOOD)));
  };
  await Promise.all([client(), client(), client(), gradient.ended]);
});

test('of calls that are computed together, a refused or cancelled one leaves the others alone', async () => {
  const gradient = await begunGradient();
  const abort = new AbortController();
  const good = [score(request([GOOD])), score(request([GOOD, GOOD]))];
  const refused = expect(score(request([GOOD, UNKNOWN_TOKEN]))).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('items[1]'),
  });
  const cancelled = expect(score(request([GOOD]), { signal: abort.signal })).rejects.toMatchObject({
    code: 'cancelled',
  });
  setTimeout(() => abort.abort(), 1);
  const late = expect(score(request([GOOD]), { timeoutMs: 0 })).rejects.toMatchObject({ code: 'deadline-exceeded' });
  const [one, two] = await Promise.all(good);
  expect([one?.results.length, two?.results.length]).toEqual([1, 2]);
  await Promise.all([refused, cancelled, late]);
  gradient.abort.abort();
  await gradient.ended.catch(() => {});
});

test('scores beyond what may wait are turned away; gradients are counted apart', async () => {
  await using opened = new AsyncDisposableStack();
  // Takes connections and never answers: who needs a policy waits.
  const sockets = new Set<Socket>();
  const silence = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => silence.listen(0, '127.0.0.1', resolve));
  opened.defer(() => {
    silence.close();
    for (const socket of sockets) socket.destroy();
  });
  const optimizerAddress = `127.0.0.1:${(silence.address() as { port: number }).port}`;
  const waiting = opened.use(
    await startScorer({ model, address: LOOPBACK, optimizerAddress, executionProvider: 'cpu', threads: 1 }, silent),
  );
  const connection = opened.use(connect(ScorerServiceDefinition, waiting.address));
  const abort = new AbortController();
  const settings = { ...CALL, signal: abort.signal };
  const latest = request([GOOD], { $case: 'latest', value: {} });
  const calls = Array.from({ length: 128 + 256 + 5 }, () => connection.score(latest, settings));
  const codes: string[] = [];
  const noted = calls.map((call) => call.catch(({ code }) => void codes.push(code)));
  await until(() => codes.length === 5);
  expect(codes).toEqual(Array(5).fill('resource-exhausted'));
  const policy = { runId: 'any', step: 0n, digest: 'sha256:unknown' };
  const gradient = Array.fromAsync(
    connection.gradient(
      {
        ...{ runId: 'any', step: 1n, shard: 0, policy, referenceModelDigest: '' },
        ...{ batchPairs: 1, batchChosenTokens: 1 },
        compute: undefined,
        dtype: '',
        objective: objectiveToWire({ kind: 'sft', average: 'pairs' }),
        pairs: [pair([0], [5], [6])],
      },
      { timeoutMs: 300 },
    ),
  );
  await expect(gradient).rejects.toMatchObject({ code: 'deadline-exceeded' });
  abort.abort();
  await Promise.all(noted);
});
