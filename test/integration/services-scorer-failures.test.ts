import { connect as connectSocket, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import {
  type GradientRequest,
  type GradientResponse,
  RunState,
  ScorerServiceDefinition,
  ScorerState,
} from '@alphapo/contracts';
import { type CallContext, connect, Handlers, RpcServer } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import { createLogger } from '@alphapo/telemetry';
import { CALL, LOOPBACK, pairs, produce, silent, smallModel, startRun, until } from './services.fixture.ts';

/** Scorers that fail among ones that don't: the weights come out as if they had not been there. */

const SETTINGS = { steps: 6, batchSize: 8, shards: 4 };

let model: string;
let undisturbed: string;
beforeAll(async () => {
  model = await smallModel();
  await using run = await startRun(model, SETTINGS);
  undisturbed = await run.train(pairs(48));
});

interface FailingScorer extends AsyncDisposable {
  readonly address: string;
  /** Answers that it spoiled. */
  readonly failures: number;
}

type Answer = AsyncIterable<GradientResponse>;

/** A scorer that has another one compute, and spoils its answer, or what it is asked. */
async function spoilingScorer(
  good: string,
  spoil: (answer: Answer) => Answer,
  asked: (request: GradientRequest) => GradientRequest = (request) => request,
): Promise<FailingScorer> {
  await using opened = new AsyncDisposableStack();
  const upstream = opened.use(connect(ScorerServiceDefinition, good));
  const handlers = new Handlers(silent);
  let failures = 0;
  const gradient = (request: GradientRequest, { signal }: CallContext): Answer => {
    failures++;
    return spoil(upstream.gradient(asked(request), { ...CALL, signal }));
  };
  const unasked = handlers.unary(async () => {
    throw new Error('no scores are asked for');
  });
  const describeScorer = handlers.unary(() => upstream.describeScorer({}, CALL));
  const implementation = { describeScorer, score: unasked, gradient: handlers.serverStream(gradient) };
  const services = [{ definition: ScorerServiceDefinition, implementation }];
  const server = opened.use(await RpcServer.start({ address: LOOPBACK, services, handlers, drainMs: 1_000 }));
  const owned = opened.move();
  return {
    address: server.address,
    get failures() {
      return failures;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A way to a good scorer that is cut, or swallows everything, after so many bytes of its answers, again and again. */
async function dyingScorer(good: string, afterBytes: number, then: 'cut' | 'swallow'): Promise<FailingScorer> {
  const port = Number(good.split(':').at(-1));
  let failures = 0;
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((near) => {
    const far = connectSocket(port, '127.0.0.1');
    let left = afterBytes;
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) sockets.add(socket.on('error', cut).on('close', cut));
    near.pipe(far);
    far.on('data', (bytes) => {
      near.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0) return;
      failures++;
      if (then === 'cut') cut();
      else far.pause();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    address: `127.0.0.1:${address.port}`,
    get failures() {
      return failures;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with what `change` makes of each part; nothing where it gives nothing. */
const changed = (change: (response: GradientResponse) => GradientResponse | undefined) =>
  async function* (answer: Answer): Answer {
    for await (const response of answer) {
      const other = change(response);
      if (other !== undefined) yield other;
    }
  };

const summaryWith = (change: object) =>
  changed(({ part }) =>
    part?.$case === 'summary' ? { part: { ...part, value: { ...part.value, ...change } } } : { part },
  );

function withLoss(part: GradientResponse['part'], loss: number): GradientResponse['part'] {
  if (part?.$case !== 'summary') return part;
  const pairs = part.value.pairs.map((pair) => ({ ...pair, reward: pair.reward && { ...pair.reward, loss } }));
  return { ...part, value: { ...part.value, pairs } };
}

test.each<[string, (answer: Answer) => Answer]>([
  ['names another policy', summaryWith({ policy: { runId: 'r', step: 9n, digest: 'sha256:other' } })],
  ['answers for other pairs', summaryWith({ pairs: [] })],
  ['does not say what it computed with', summaryWith({ computation: undefined })],
  ['leaves the summary out', changed((response) => (response.part?.$case === 'summary' ? undefined : response))],
  [
    'renames a tensor',
    changed(({ part }) => ({
      part: part?.$case === 'chunk' ? { ...part, value: { ...part.value, name: `other.${part.value.name}` } } : part,
    })),
  ],
  [
    'ends in the middle of its gradient',
    async function* (answer) {
      let chunks = 0;
      for await (const response of answer) {
        if (response.part?.$case === 'chunk' && ++chunks > 2) return;
        yield response;
      }
    },
  ],
  [
    'fails in the middle of its gradient',
    async function* (answer) {
      let chunks = 0;
      for await (const response of answer) {
        if (response.part?.$case === 'chunk' && ++chunks > 2) throw new Error('broken');
        yield response;
      }
    },
  ],
  [
    'answers twice',
    async function* (answer) {
      const responses = await Array.fromAsync(answer);
      yield* responses;
      yield* responses;
    },
  ],
  [
    'never answers',
    async function* () {
      await new Promise(() => {});
    },
  ],
  [
    'stops in the middle of its answers',
    async function* (answer) {
      for await (const response of answer) {
        yield response;
        await new Promise(() => {});
      }
    },
  ],
  [
    'answers when another one has',
    async function* (answer) {
      const responses = await Array.fromAsync(answer);
      await sleep(2_000);
      yield* responses;
    },
  ],
  [
    'gives a gradient that is not finite',
    changed(({ part }) => {
      if (part?.$case !== 'chunk') return { part };
      const data = Buffer.alloc(part.value.data.length, 0xff);
      return { part: { ...part, value: { ...part.value, data } } };
    }),
  ],
  ['gives losses that are not finite', changed(({ part }) => ({ part: withLoss(part, Number.NaN) }))],
  [
    'asks an optimizer that has taken further steps',
    () => {
      throw new AlphapoError('not-found', 'POLICY_GONE', 'policy of step 0 is gone');
    },
  ],
])('a scorer that %s does not change the weights', async (_what, spoil) => {
  await using run = await startRun(model, SETTINGS);
  await using bad = await spoilingScorer(run.scorer.address, spoil);
  run.scorers.unshift(bad.address);
  expect(await run.train(pairs(48))).toBe(undisturbed);
  expect(bad.failures).toBeGreaterThan(0);
});

test.each([
  ['is cut in the middle of its answers', 4_000, 'cut'],
  ['swallows the middle of its answers', 4_000, 'swallow'],
  ['swallows all that it says', 1, 'swallow'],
] as const)('a scorer whose connection %s does not change the weights', async (_what, afterBytes, then) => {
  await using run = await startRun(model, SETTINGS);
  await using bad = await dyingScorer(run.scorer.address, afterBytes, then);
  run.scorers.unshift(bad.address);
  expect(await run.train(pairs(48))).toBe(undisturbed);
  expect(bad.failures).toBeGreaterThan(0);
});

test('a scorer of a release that knows no weights of pairs does not change the weights of the model', async () => {
  const weighted = pairs(16).map((pair, i) => ({ ...pair, weight: i % 3 }));
  const settings = { ...SETTINGS, steps: 2 };
  await using alone = await startRun(model, settings);
  const expected = await alone.train(weighted);
  await using run = await startRun(model, settings);
  const withoutWeights = (request: GradientRequest) => ({
    ...request,
    pairs: request.pairs.map((pair) => ({ ...pair, weight: undefined })),
  });
  await using old = await spoilingScorer(run.scorer.address, (answer) => answer, withoutWeights);
  run.scorers.unshift(old.address);
  expect(await run.train(weighted)).toBe(expected);
  expect(old.failures).toBeGreaterThan(0);
});

test('a scorer that is not there does not change the weights', async () => {
  await using run = await startRun(model, SETTINGS);
  run.scorers.unshift('127.0.0.1:1');
  expect(await run.train(pairs(48))).toBe(undisturbed);
});

test('two good scorers give the weights of one', async () => {
  await using run = await startRun(model, SETTINGS);
  await using other = await run.startScorer(run.optimizer.address);
  run.scorers.push(other.address);
  expect(await run.train(pairs(48))).toBe(undisturbed);
});

test('a scorer that another one outpaces is asked again, and has not failed', async () => {
  await using run = await startRun(model, SETTINGS);
  const events: { event: string; scorer?: string }[] = [];
  const logger = createLogger({ service: 'test', stream: { write: (line) => void events.push(JSON.parse(line)) } });
  const optimizer = await run.startOptimizer({}, logger);
  await using good = await run.startScorer(optimizer.address);
  await using slow = await spoilingScorer(good.address, async function* (answer) {
    const responses = await Array.fromAsync(answer);
    await sleep(3_000);
    yield* responses;
  });
  run.scorers.splice(0, 1, slow.address, good.address);
  await produce(run.log, pairs(48));
  const stop = new AbortController();
  const consuming = run.tokenizer.consume(stop.signal);
  await optimizer.train(stop.signal);
  stop.abort();
  await consuming;
  expect(optimizer.trainer.policy.digest).toBe(undisturbed);
  const outpaced = events.filter(({ event }) => event === 'scorer.outpaced');
  expect(new Set(outpaced.map(({ scorer }) => scorer))).toEqual(new Set([slow.address]));
  expect(events.map(({ event }) => event)).not.toContain('scorer.failed');
});

test('a scorer that answers wrongly again and again is put aside, loudly; the run goes on with another', async () => {
  await using run = await startRun(model, SETTINGS);
  await using bad = await spoilingScorer(run.scorer.address, summaryWith({ pairs: [] }));
  const [good] = run.scorers.splice(0, 1, bad.address);
  const training = run.train(pairs(48));
  const status = () => run.connection.getStatus({}, CALL);
  await until(async () => (await status()).scorerStatuses[0]?.state === ScorerState.QUARANTINED);
  expect(await status()).toMatchObject({
    state: RunState.WAITING_FOR_SCORERS,
    scorers: 0,
    scorerStatuses: [{ address: bad.address, message: expect.stringContaining('answered step 1, shard') }],
  });
  const answers = bad.failures;
  run.scorers.push(good as string);
  expect(await training).toBe(undisturbed);
  expect(bad.failures).toBe(answers);
});

test('a run whose every scorer fails at a shard again and again is given up, and says why', async () => {
  await using run = await startRun(model, SETTINGS);
  await using bad = await spoilingScorer(run.scorer.address, () => {
    throw new Error('broken');
  });
  run.scorers.splice(0, 1, bad.address);
  await expect(run.train(pairs(48))).rejects.toMatchObject({ code: 'internal' });
  expect(run.optimizer.trainer.status).toMatchObject({ state: 'failed' });
});

test('no scorer at all: the run waits for one, and says so', async () => {
  await using run = await startRun(model, SETTINGS);
  const [scorer] = run.scorers.splice(0, 1);
  const training = run.train(pairs(48));
  while (run.optimizer.trainer.status.state !== 'waiting-for-scorers')
    await new Promise((done) => setTimeout(done, 10));
  run.scorers.push(scorer as string);
  expect(await training).toBe(undisturbed);
});

test.each([
  ['with the weights of another model', () => smallModel(8), 'float32'],
  ['that computes in another element type', async () => model, 'bfloat16'],
] as const)('a scorer %s does not change the weights', async (_what, modelOf, dtype) => {
  await using run = await startRun(model, SETTINGS);
  await using other = await startScorer(
    {
      model: await modelOf(),
      address: LOOPBACK,
      optimizerAddress: run.optimizer.address,
      executionProvider: 'cpu',
      dtype,
      threads: 1,
    },
    silent,
  );
  run.scorers.unshift(other.address);
  expect(await run.train(pairs(48))).toBe(undisturbed);
});
