import { type ActivatorConfig, startActivator } from '@alphapo/autoscaler/testing';
import { AlphapoError, Secret } from '@alphapo/base';
import { GradientRequest, type ScoreRequest, ScorerServiceDefinition } from '@alphapo/contracts';
import { type CallContext, connect, Handlers, RpcSecurity, RpcServer } from '@alphapo/rpc';
import { type RunningScorer, startScorer } from '@alphapo/scorer';
import { MemoryWorkloads } from '../../services/autoscaler/src/cluster.fixture.ts';
import { freePort } from '../support/free-port.ts';
import { CALL, LOOPBACK, silent, smallModel, until } from './services.fixture.ts';

/** Score calls through the activator to real scorers; only the API server is in memory. */

const SCORE: ScoreRequest = {
  items: [{ id: 'a', item: { $case: 'textPair', value: { prompt: text('After 4:'), chosen: ' 5', rejected: ' 4' } } }],
  policy: undefined,
  perToken: true,
  objective: undefined,
  batch: undefined,
};
const UNDER_POLICY: ScoreRequest = { ...SCORE, policy: { $case: 'latest', value: {} } };

function text(value: string) {
  return { $case: 'text', value } as const;
}

/** An activator before scorers whose addresses a test decides. */
async function activator(change: Partial<ActivatorConfig> = {}) {
  const workloads = new MemoryWorkloads();
  const addresses: string[] = [];
  const running = await startActivator(
    {
      address: LOOPBACK,
      security: undefined,
      scorers: 'scorers.example:50052',
      discover: async () => addresses,
      held: { calls: 8, bytes: 4_096 },
      waitMs: 30_000,
      pod: 'autoscaler-0',
      ...change,
    },
    workloads,
    silent,
  );
  const connection = connect(ScorerServiceDefinition, running.address);
  return {
    workloads,
    addresses,
    connection,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      connection[Symbol.dispose]();
    },
  };
}

const scorer = (model: string): Promise<RunningScorer> =>
  startScorer({ model, address: LOOPBACK, executionProvider: 'cpu', threads: 1 }, silent);

/** A scorer whose answers a test decides. */
async function scriptedScorer(
  score: (context: CallContext) => Promise<{ results: []; policy: undefined }>,
  security?: RpcSecurity,
) {
  const handlers = new Handlers(silent);
  const implementation = {
    describeScorer: handlers.unary(() => Promise.reject(new Error('not asked'))),
    score: handlers.unary((_request: unknown, context) => score(context)),
    gradient: handlers.serverStream(async function* () {}),
  };
  const services = [{ definition: ScorerServiceDefinition, implementation }];
  return RpcServer.start({ address: LOOPBACK, services, handlers, drainMs: 500, security });
}

const noScores = { results: [] as [], policy: undefined };
const woken = ({ workloads }: { workloads: MemoryWorkloads }) => workloads.state('scorer').replicas === 1;

test('a call at zero wakes a scorer, waits for it, and gets its answer', async () => {
  const model = await smallModel();
  await using front = await activator();
  const answer = front.connection.score(SCORE, CALL);
  await until(() => woken(front));
  await using ready = await scorer(model);
  front.addresses.push(ready.address);
  using direct = connect(ScorerServiceDefinition, ready.address);
  expect(await answer).toEqual(await direct.score(SCORE, CALL));
  const description = await front.connection.describeScorer({}, CALL);
  expect(description.modelDigest).toBe((await direct.describeScorer({}, CALL)).modelDigest);
  const { annotations } = front.workloads.state('scorer');
  expect(annotations['alphapo.dev/last-call.autoscaler-0']).toMatch(/^\d{4}-.*Z 1$/);
  expect(front.workloads.scalings).toEqual([{ component: 'scorer', replicas: 1 }]);
});

test('scorers that go lose no call: it is asked again of another one', async () => {
  const model = await smallModel();
  await using front = await activator();
  const first = await scorer(model);
  await using second = await scorer(model);
  front.addresses.push(first.address, second.address);
  const calls = Array.from({ length: 40 }, (_, i) =>
    front.connection.score({ ...SCORE, items: SCORE.items.map((item) => ({ ...item, id: `${i}` })) }, CALL),
  );
  await Promise.race(calls);
  await first[Symbol.asyncDispose]();
  const more = Array.from({ length: 5 }, () => front.connection.score(SCORE, CALL));
  const answers = await Promise.all([...calls, ...more]);
  const [expected] = answers[0]?.results ?? [];
  for (const [i, { results }] of answers.entries()) {
    expect(results[0]?.id).toBe(i < calls.length ? `${i}` : 'a');
    expect(results[0]?.chosen?.mean).toBeCloseTo(expected?.chosen?.mean ?? 0, 4);
  }
});

test('a call that a stopping scorer has no more time for is asked again of another one', async () => {
  const asked = Promise.withResolvers<void>();
  const first = await scriptedScorer(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  await using second = await scriptedScorer(async () => noScores);
  await using front = await activator();
  front.addresses.push(first.address);
  const answer = front.connection.score(SCORE, CALL);
  await asked.promise;
  front.addresses.splice(0, 1, second.address);
  await first[Symbol.asyncDispose]();
  expect(await answer).toMatchObject({ results: [] });
});

test('calls are spread over scorers by what each has to do', async () => {
  const release = Promise.withResolvers<void>();
  const counts: [number, number] = [0, 0];
  const slow = (i: 0 | 1) =>
    scriptedScorer(async () => {
      counts[i]++;
      await release.promise;
      return noScores;
    });
  await using first = await slow(0);
  await using second = await slow(1);
  await using front = await activator();
  front.addresses.push(first.address, second.address);
  const calls = [front.connection.score(SCORE, CALL)];
  await until(() => counts[0] + counts[1] === 1);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  for (let i = 0; i < 7; i++) calls.push(front.connection.score(SCORE, CALL));
  await until(() => counts[0] + counts[1] === 8);
  expect(counts).toEqual([4, 4]);
  release.resolve();
  await Promise.all(calls);
});

test('calls beyond those that may wait are asked to come again', async () => {
  await using front = await activator({ held: { calls: 2, bytes: 4_096 } });
  const leave = new AbortController();
  const held = [1, 2].map(() =>
    front.connection.score(SCORE, { ...CALL, signal: leave.signal }).catch((error) => error),
  );
  await until(() => woken(front));
  await expect(front.connection.score(SCORE, CALL)).rejects.toMatchObject({
    code: 'resource-exhausted',
    reason: 'SCORERS_STARTING',
    metadata: { retrySeconds: '10' },
  });
  leave.abort();
  for (const error of await Promise.all(held)) expect(error).toMatchObject({ code: 'cancelled' });
});

test('large requests leave less room for others', async () => {
  await using front = await activator();
  const leave = new AbortController();
  const large = { id: 'a'.repeat(4_000), item: SCORE.items[0]?.item };
  const call = () => front.connection.score({ ...SCORE, items: [large] }, { ...CALL, signal: leave.signal });
  const held = call().catch((error) => error);
  await until(() => woken(front));
  await expect(call()).rejects.toMatchObject({ reason: 'SCORERS_STARTING' });
  leave.abort();
  await held;
});

test('one that waited in vain is told why, each reason once', async () => {
  await using front = await activator({ waitMs: 1_500 });
  const message = '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.';
  const obstacle = { name: 'scorer-x', reason: 'Unschedulable', message };
  const another = { name: 'scorer-a', reason: 'ErrImagePull', message: 'not found' };
  front.workloads.change('scorer', { obstacles: [another, { ...obstacle, name: 'scorer-b' }, obstacle] });
  await expect(front.connection.score(SCORE, CALL)).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'NO_SCORER_READY',
    message: expect.stringContaining(
      `pod scorer-a is ErrImagePull (not found); pod scorer-x is Unschedulable (${message});`,
    ),
  });
});

test('one that waited in vain for two workloads is told of both, though their reason is the same', async () => {
  await using front = await activator({ waitMs: 1_500 });
  for (const component of ['scorer', 'optimizer'] as const) {
    const obstacle = { name: `${component}-x`, reason: 'CrashLoopBackOff', message: `${component} ends` };
    front.workloads.change(component, { obstacles: [obstacle] });
  }
  await expect(front.connection.score(UNDER_POLICY, CALL)).rejects.toMatchObject({
    reason: 'NO_SCORER_READY',
    message: expect.stringContaining(
      'pod scorer-x is CrashLoopBackOff (scorer ends); pod optimizer-x is CrashLoopBackOff (optimizer ends);',
    ),
  });
});

test('a deadline ends the wait', async () => {
  await using front = await activator({ held: { calls: 1, bytes: 4_096 } });
  const late = { code: 'deadline-exceeded' };
  await expect(front.connection.score(SCORE, { timeoutMs: 300 })).rejects.toMatchObject(late);
  // Its place is free again.
  await expect(front.connection.score(SCORE, { timeoutMs: 300 })).rejects.toMatchObject(late);
});

test('deadline, cancellation and token of the caller reach the scorer', async () => {
  const contexts: CallContext[] = [];
  const aborted = Promise.withResolvers<void>();
  await using behind = await scriptedScorer(async (context) => {
    contexts.push(context);
    await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
    aborted.resolve();
    return noScores;
  });
  const token = { kind: 'value', variable: 'T', secret: new Secret('own'.repeat(11)) } as const;
  const options = { logger: silent };
  using security = await RpcSecurity.open(
    { tls: undefined, token, access: undefined, healthAddress: undefined },
    options,
  );
  await using front = await activator({ security });
  front.addresses.push(behind.address);
  const leave = new AbortController();
  const call = front.connection.score(SCORE, {
    timeoutMs: 20_000,
    signal: leave.signal,
    authorization: new Secret('Bearer theirs'),
  });
  await until(() => contexts.length === 1);
  expect(contexts[0]?.authorization?.reveal()).toBe('Bearer theirs');
  expect((contexts[0]?.deadline ?? 0) - Date.now()).toBeLessThan(20_000);
  leave.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  await aborted.promise;
});

test('what a scorer refuses is refused with its words, and asked of no other', async () => {
  let asked = 0;
  await using behind = await scriptedScorer(async () => {
    asked++;
    throw new AlphapoError('invalid-argument', 'INVALID_ITEM', 'items[0]: is empty', {
      metadata: { field: 'items[0]' },
    });
  });
  await using front = await activator();
  front.addresses.push(behind.address);
  await expect(front.connection.score(SCORE, CALL)).rejects.toMatchObject({
    code: 'invalid-argument',
    reason: 'INVALID_ITEM',
    metadata: { field: 'items[0]' },
  });
  expect(asked).toBe(1);
});

test('a scorer that lacks what one call needs stays there for the others', async () => {
  let asked = 0;
  await using behind = await scriptedScorer(async () => {
    asked++;
    if (asked < 4) throw new AlphapoError('unavailable', 'NO_OPTIMIZER', 'the optimizer does not answer');
    return noScores;
  });
  await using front = await activator();
  front.addresses.push(behind.address);
  expect(await front.connection.score(UNDER_POLICY, CALL)).toEqual({ results: [], policy: undefined });
  expect(asked).toBe(4);
});

test('a replica that stops sends those who wait to another one, at once', async () => {
  const front = await activator();
  const call = front.connection.score(SCORE, CALL).catch((error) => error);
  await until(() => woken(front));
  const stopped = performance.now();
  const stopping = front[Symbol.asyncDispose]();
  expect(await call).toMatchObject({ code: 'unavailable', reason: 'ACTIVATOR_STOPPING' });
  expect(performance.now() - stopped).toBeLessThan(2_000);
  await stopping;
});

test('scores under a policy wake the optimizer too', async () => {
  await using front = await activator({ waitMs: 1_200 });
  const call = front.connection.score(UNDER_POLICY, CALL).catch(() => {});
  await until(() => woken(front) && front.workloads.state('optimizer').replicas === 1);
  expect(Object.keys(front.workloads.state('optimizer').annotations)).toEqual(['alphapo.dev/last-call.autoscaler-0']);
  await call;
});

test('a scorer is not blamed for an optimizer that is away: others go on with it, and the call waits', async () => {
  const model = await smallModel();
  await using behind = await startScorer(
    {
      model,
      address: LOOPBACK,
      optimizerAddress: `127.0.0.1:${await freePort()}`,
      executionProvider: 'cpu',
      threads: 1,
    },
    silent,
  );
  await using front = await activator({ waitMs: 4_000, held: { calls: 1, bytes: 4_096 } });
  front.addresses.push(behind.address);
  let ended = false;
  const waiting = front.connection
    .score(UNDER_POLICY, CALL)
    .catch((error: unknown) => error)
    .finally(() => {
      ended = true;
    });
  // There is one place to wait, and it is taken: a call that had to wait for a scorer would be turned away.
  while (!ended) await front.connection.score(SCORE, CALL);
  expect(await waiting).toMatchObject({
    code: 'unavailable',
    reason: 'NO_SCORER_READY',
    message: expect.stringContaining('optimizer'),
  });
});

test('an API server that fails for a while is asked again', async () => {
  await using front = await activator({ waitMs: 10_000 });
  front.workloads.failure = new AlphapoError('unavailable', 'API_UNAVAILABLE', 'no route');
  const leave = new AbortController();
  const call = front.connection.score(SCORE, { ...CALL, signal: leave.signal }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 500));
  front.workloads.failure = undefined;
  await until(() => woken(front));
  leave.abort();
  await call;
});

test('gradients are asked for elsewhere, and the answer says where', async () => {
  await using front = await activator();
  const request = GradientRequest.fromPartial({});
  await expect(Array.fromAsync(front.connection.gradient(request, CALL))).rejects.toMatchObject({
    code: 'unimplemented',
    message: expect.stringContaining('scorers.example:50052'),
  });
  expect(front.workloads.scalings).toEqual([]);
});
