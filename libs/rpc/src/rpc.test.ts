import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, type FloatTensor, Secret, seededRandom } from '@alphapo/base';
import { ScorerServiceDefinition } from '@alphapo/contracts';
import { createLogger, meter } from '@alphapo/telemetry';
import { status } from '@grpc/grpc-js';
import {
  type CallContext,
  connect,
  Handlers,
  HealthClient,
  RpcServer,
  TensorAssembler,
  tensorsToChunks,
} from './index.ts';
import { chunk, GRADIENT, SCORE, SOON, serve, type TransportKind } from './scorer.fixture.ts';

describe.each<TransportKind>(['network', 'in-process'])('calls by %s', (kind) => {
  test('an error arrives with its code, reason, message and metadata', async () => {
    const { server, connection } = await serve(
      {
        score: () =>
          Promise.reject(
            new AlphapoError('invalid-argument', 'INVALID_ITEM', 'items[3]: is empty', {
              metadata: { field: 'items[3]' },
            }),
          ),
      },
      { kind },
    );
    await using _ = server;
    await expect(connection.score(SCORE, SOON)).rejects.toMatchObject({
      code: 'invalid-argument',
      reason: 'INVALID_ITEM',
      message: expect.stringContaining('items[3]: is empty'),
      metadata: { field: 'items[3]', address: server.address },
    });
    connection[Symbol.dispose]();
  });

  test('an unexpected error is INTERNAL and keeps its text to itself', async () => {
    const { server, connection } = await serve({}, { kind });
    await using _ = server;
    const error = await connection.describeScorer({}, SOON).catch((caught: AlphapoError) => caught);
    expect(error).toMatchObject({ code: 'internal' });
    expect((error as AlphapoError).message).not.toContain('secret');
    connection[Symbol.dispose]();
  });

  test.each([
    ['a deadline', () => ({ timeoutMs: 150 }), 'deadline-exceeded'],
    ['a cancelled call', () => ({ timeoutMs: 5_000, signal: AbortSignal.timeout(150) }), 'cancelled'],
  ])('%s reaches the handler', async (_what, settings, code) => {
    const stopped = Promise.withResolvers<void>();
    const { server, connection } = await serve(
      {
        score: (_request, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              stopped.resolve();
              reject(signal.reason);
            });
          }),
      },
      { kind },
    );
    await using _ = server;
    await expect(connection.score(SCORE, settings())).rejects.toMatchObject({ code });
    await stopped.promise;
    connection[Symbol.dispose]();
  });

  test('a stream is written no faster than it is read, and leaving it stops the handler', async () => {
    let made = 0;
    const stopped = Promise.withResolvers<void>();
    const { server, connection } = await serve(
      {
        gradient: async function* ({ signal }) {
          signal.addEventListener('abort', () => stopped.resolve());
          for (; !signal.aborted; made++) yield chunk(made);
        },
      },
      { kind },
    );
    await using _ = server;
    for await (const { part } of connection.gradient(GRADIENT, SOON)) {
      expect(part?.$case).toBe('chunk');
      await new Promise((resolve) => setTimeout(resolve, 300));
      break;
    }
    await stopped.promise;
    expect(made).toBeLessThan(100);
    connection[Symbol.dispose]();
  });

  test('a graceful stop lets a running call end', async () => {
    const { server, connection } = await serve(
      {
        score: async () => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          return { results: [], policy: undefined };
        },
      },
      { kind },
    );
    const answer = connection.score(SCORE, SOON);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await server[Symbol.asyncDispose]();
    await expect(answer).resolves.toMatchObject({ results: [] });
    connection[Symbol.dispose]();
  });

  test('a gradient of many megabytes arrives whole', async () => {
    const random = seededRandom(1);
    const data = Float32Array.from({ length: 3_000_001 }, () => random.next());
    const tensors = new Map([
      ['a', { shape: [3_000_001], data }],
      ['b', { shape: [2, 0], data: new Float32Array() }],
      ['c', { shape: [], data: Float32Array.of(7) }],
    ]);
    const { server, connection } = await serve(
      {
        gradient: async function* () {
          yield* tensorsToChunks(tensors);
        },
      },
      { kind },
    );
    await using _ = server;
    const assembler = new TensorAssembler({ maxBytes: 2 ** 24 });
    for await (const { part } of connection.gradient(GRADIENT, SOON)) {
      if (part?.$case === 'chunk') assembler.push(part.value);
    }
    const arrived = assembler.finish(3);
    expect([...arrived.keys()]).toEqual([...tensors.keys()]);
    for (const [name, { shape, data: sent }] of tensors) {
      const { shape: arrivedShape, data: bits } = arrived.get(name) as FloatTensor;
      expect(arrivedShape).toEqual(shape);
      expect(Buffer.compare(new Uint8Array(bits.buffer), new Uint8Array(sent.buffer))).toBe(0);
    }
    connection[Symbol.dispose]();
  });
});

test('health checks answer as the gRPC project defines them', async () => {
  const { server } = await serve({});
  await using _ = server;
  using client = new HealthClient(server.address);
  const check = (name: string) => client.check(name);
  expect(await client.check()).toBe('SERVING');
  expect(await check('alphapo.v1.ScorerService')).toBe('SERVING');
  await expect(check('alphapo.v1.Nothing')).rejects.toMatchObject({ code: status.NOT_FOUND });
  server.setServing(false);
  expect(await check('alphapo.v1.ScorerService')).toBe('NOT_SERVING');
});

test('a port in use is a clear error', async () => {
  const { server } = await serve({});
  await using _ = server;
  const handlers = new Handlers(createLogger({ service: 'test', level: 'silent' }));
  await expect(RpcServer.start({ address: server.address, services: [], handlers })).rejects.toMatchObject({
    reason: 'ADDRESS_IN_USE',
    message: expect.stringContaining(server.address),
  });
});

test('a server that is not there is UNAVAILABLE with its address', async () => {
  using connection = connect(ScorerServiceDefinition, '127.0.0.1:1');
  await expect(connection.score(SCORE, SOON)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('127.0.0.1:1'),
  });
});

test('an address of this process that no server has is UNAVAILABLE', async () => {
  const { server, connection } = await serve({}, { kind: 'in-process' });
  await expect(connection.score(SCORE, SOON)).resolves.toMatchObject({ results: [] });
  await server[Symbol.asyncDispose]();
  await expect(connection.score(SCORE, SOON)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(server.address),
  });
});

test('within the process messages are the handler’s own', async () => {
  const sent = chunk(7);
  const { server, connection } = await serve(
    {
      gradient: async function* () {
        yield sent;
      },
    },
    { kind: 'in-process' },
  );
  await using _ = server;
  const [response] = await Array.fromAsync(connection.gradient(GRADIENT, SOON));
  expect(response?.part?.value).toBe(sent);
});

test('a handler knows when its client stops waiting, and on whose authority it calls', async () => {
  const contexts: CallContext[] = [];
  const { server, connection } = await serve({
    score: async (_request, context) => {
      contexts.push(context);
      return { results: [], policy: undefined };
    },
  });
  await using _ = server;
  const before = Date.now();
  await connection.score(SCORE, { timeoutMs: 5_000, authorization: new Secret('Bearer theirs') });
  await connection.score(SCORE, { timeoutMs: 5_000, authorization: 'none' });
  const [passedOn, anonymous] = contexts;
  expect((passedOn?.deadline ?? 0) - before).toBeGreaterThan(4_000);
  expect((passedOn?.deadline ?? 0) - before).toBeLessThan(10_000);
  expect(passedOn?.authorization?.reveal()).toBe('Bearer theirs');
  expect(anonymous?.authorization).toBeUndefined();
  connection[Symbol.dispose]();
});

test('calls are counted by method and code, those that their client ends too', async () => {
  const { server, connection } = await serve({
    score: async (_request, { signal }) => {
      await once(signal, 'abort');
      return { results: [], policy: undefined };
    },
  });
  await using _ = server;
  const value = async (method: string, code: string) => {
    const { text } = await meter.exposition();
    const series = new RegExp(
      `^alphapo_grpc_server_handled_total.*grpc_method="${method}",grpc_code="${code}"\\} (\\d+)$`,
      'm',
    );
    return Number(series.exec(text)?.[1] ?? 0);
  };
  const [cancelled, failed] = [await value('Score', 'CANCELLED'), await value('DescribeScorer', 'INTERNAL')];
  await connection.describeScorer({}, SOON).catch(() => {});
  await connection.score(SCORE, { timeoutMs: 300 }).catch(() => {});
  for (let tries = 0; tries < 50 && (await value('Score', 'CANCELLED')) === cancelled; tries++) await sleep(20);
  expect(await value('Score', 'CANCELLED')).toBe(cancelled + 1);
  expect(await value('DescribeScorer', 'INTERNAL')).toBe(failed + 1);
  connection[Symbol.dispose]();
});
