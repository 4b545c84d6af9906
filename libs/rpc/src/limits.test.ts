import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { seededRandom } from '@alphapo/base';
import { ScorerServiceDefinition } from '@alphapo/contracts';
import { createLogger } from '@alphapo/telemetry';
import { connect } from './client.ts';
import { HealthClient } from './health-client.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { chunk, GRADIENT, SCORE, type ServeOptions, SOON, serve } from './scorer.fixture.ts';
import { RpcSecurity } from './security/rpc-security.ts';

const PATH = '/alphapo.v1.ScorerService/Score';
const GRADIENT_PATH = '/alphapo.v1.ScorerService/Gradient';
const HEADERS = {
  [constants.HTTP2_HEADER_METHOD]: 'POST',
  [constants.HTTP2_HEADER_PATH]: PATH,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  te: 'trailers',
};
/** A message of no bytes: an empty request. */
const EMPTY_MESSAGE = Buffer.alloc(5);

/** A client that keeps to no rules. */
async function rawSession(address: string): Promise<ClientHttp2Session & AsyncDisposable> {
  const session = connectHttp2(`http://${address}`, { maxSendHeaderBlockLength: 2 ** 24 });
  session.on('error', () => {});
  await once(session, 'connect');
  return Object.assign(session, {
    [Symbol.asyncDispose]: async () => {
      session.destroy();
    },
  });
}

/** A call with these headers; resolves to the gRPC status, or to why HTTP/2 ended it. */
async function rawCall(session: ClientHttp2Session, headers: Record<string, string> = {}, body = EMPTY_MESSAGE) {
  const stream = session.request({ ...HEADERS, ...headers });
  let status: unknown;
  stream.on('response', (found) => {
    status ??= found['grpc-status'];
  });
  stream.on('trailers', (found) => {
    status ??= found['grpc-status'];
  });
  stream.on('error', () => {});
  stream.resume();
  stream.end(body);
  await new Promise((resolve) => stream.once('close', resolve));
  return { status, reset: stream.rstCode };
}

/** A server that answers health checks on a second port, too. */
async function serveWithHealthPort(limits: ServeOptions['limits'] = {}) {
  const settings = { tls: undefined, token: undefined, access: undefined, healthAddress: '127.0.0.1:0' };
  return serve(
    {},
    {
      limits,
      security: await RpcSecurity.open(settings, { logger: createLogger({ service: 'test', level: 'silent' }) }),
    },
  );
}

const answersOthers = async (address: string) => {
  using connection = connect(ScorerServiceDefinition, address);
  await expect(connection.score(SCORE, SOON)).resolves.toMatchObject({ results: [] });
};

describe('header bombs', () => {
  test.each([
    ['more headers than there may be', Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x-${i}`, 'a']))],
    ['headers of more bytes than there may be', { 'x-large': 'a'.repeat(2 ** 20) }],
  ])('%s: the call is refused, and others are answered', async (_what, headers) => {
    const { server } = await serve();
    await using _ = server;
    await using session = await rawSession(server.address);
    const { status } = await rawCall(session, headers);
    expect(status).toBeUndefined();
    await answersOthers(server.address);
  });

  test('headers within the limits are taken', async () => {
    const { server } = await serve();
    await using _ = server;
    await using session = await rawSession(server.address);
    expect(await rawCall(session, { 'x-large': 'a'.repeat(2 ** 14) })).toMatchObject({ status: '0' });
  });
});

describe('messages', () => {
  test('one that is too large is RESOURCE_EXHAUSTED', async () => {
    const { server } = await serve();
    await using _ = server;
    await using session = await rawSession(server.address);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
    expect(await rawCall(session, {}, Buffer.concat([head, Buffer.alloc(100)]))).toMatchObject({ status: '8' });
    await answersOthers(server.address);
  });

  test('one that is small, but decompresses to too much, is RESOURCE_EXHAUSTED', async () => {
    const { server } = await serve();
    await using _ = server;
    await using session = await rawSession(server.address);
    const bomb = gzipSync(Buffer.alloc(8 * MAX_MESSAGE_BYTES));
    const head = Buffer.from([1, 0, 0, 0, 0]);
    head.writeUInt32BE(bomb.length, 1);
    const call = rawCall(session, { 'grpc-encoding': 'gzip' }, Buffer.concat([head, bomb]));
    expect(await call).toMatchObject({ status: '8' });
    await answersOthers(server.address);
  });

  test('one of millions of empty items is RESOURCE_EXHAUSTED before it takes memory', async () => {
    const { server } = await serve();
    await using _ = server;
    await using session = await rawSession(server.address);
    const items = Buffer.alloc(MAX_MESSAGE_BYTES, Buffer.from([0x0a, 0]));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(items.length, 1);
    const before = process.memoryUsage().rss;
    expect(await rawCall(session, {}, Buffer.concat([head, items]))).toMatchObject({ status: '8' });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  });

  test.each(['main', 'plaintext'])(
    'a health check on the %s port may hold the name of a service, and no more',
    async (port) => {
      const { server } = await serveWithHealthPort();
      await using _ = server;
      await using session = await rawSession(port === 'main' ? server.address : String(server.healthAddress));
      const path = { [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check' };
      expect(await rawCall(session, path)).toMatchObject({ status: '0' });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(2 ** 20, 1);
      const { status } = await rawCall(session, path, Buffer.concat([head, Buffer.alloc(2 ** 14)]));
      expect(['3', '8']).toContain(status);
    },
  );

  test('one that is no message of its type is INVALID_ARGUMENT', async () => {
    const { server } = await serve();
    await using _ = server;
    await using session = await rawSession(server.address);
    expect(await rawCall(session, {}, Buffer.from([0, 0, 0, 0, 2, 0x0a, 0xff]))).toMatchObject({ status: '3' });
  });
});

test.each([
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  '/alphapo.v1.ScorerService/DescribeScorer',
  '/no.such.Service/Method',
])('bytes of any kind to %s are answered with a status', async (path) => {
  const { server } = await serve();
  await using _ = server;
  await using session = await rawSession(server.address);
  const random = seededRandom(1);
  for (let i = 0; i < 100; i++) {
    const message = Buffer.from(Array.from({ length: Math.floor(40 * random.next()) }, () => 256 * random.next()));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    const headers = { [constants.HTTP2_HEADER_PATH]: path };
    const { status } = await rawCall(session, headers, Buffer.concat([head, message]));
    expect(Number(status)).toBeGreaterThanOrEqual(0);
  }
  await answersOthers(server.address);
});

describe('floods', () => {
  /** A server whose scores wait until they are let go. */
  async function busy(limits: NonNullable<Parameters<typeof serve>[1]>['limits']) {
    const release = Promise.withResolvers<void>();
    const score = async () => {
      await release.promise;
      return { results: [] as [], policy: undefined };
    };
    return { ...(await serve({ score }, { limits: { ...limits } })), release: release.resolve };
  }

  test('calls beyond the limit are turned away with a time to come back; health is answered', async () => {
    const { server, connection, release } = await busy({ calls: 10 });
    await using _ = server;
    const calls = Array.from({ length: 14 }, () => connection.score(SCORE, SOON));
    const settled = Promise.allSettled(calls);
    const refused = await Promise.any(
      calls.map((call) =>
        call.then(
          () => Promise.reject(),
          (error) => error,
        ),
      ),
    );
    expect(refused).toMatchObject({ code: 'resource-exhausted', reason: 'TOO_MANY_CALLS' });
    expect(detailsOf(refused)).toContain('google.rpc.RetryInfo');
    using health = new HealthClient(server.address);
    expect(await health.check()).toBe('SERVING');
    release();
    const outcomes = (await settled).map(({ status }) => status);
    expect(outcomes.filter((status) => status === 'fulfilled')).toHaveLength(10);
    // What has ended makes room.
    await expect(connection.score(SCORE, SOON)).resolves.toMatchObject({ results: [] });
    connection[Symbol.dispose]();
  });

  test('calls beyond the limit of a connection wait at the client', async () => {
    const { server, connection, release } = await busy({ callsPerConnection: 3, calls: 3 });
    await using _ = server;
    const calls = Array.from({ length: 9 }, () => connection.score(SCORE, SOON));
    setTimeout(release, 200);
    await expect(Promise.all(calls)).resolves.toHaveLength(9);
    connection[Symbol.dispose]();
  });

  test('requests beyond the bytes of a server are turned away, and what has ended makes room', async () => {
    const { server, connection } = await serve({}, { limits: { requestBytes: 2 ** 16 } });
    await using _ = server;
    await using session = await rawSession(server.address);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(2 ** 20, 1);
    const unfinished = session.request(HEADERS);
    unfinished.on('error', () => {});
    unfinished.write(Buffer.concat([head, Buffer.alloc(60_000)]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const items = Array.from({ length: 4_000 }, () => ({ content: undefined, id: '' }) as never);
    const more = { ...SCORE, items };
    await expect(connection.score(more, SOON)).rejects.toMatchObject({ reason: 'TOO_MANY_BYTES' });
    using health = new HealthClient(server.address);
    expect(await health.check()).toBe('SERVING');
    unfinished.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let i = 0; i < 10; i++) await connection.score(more, SOON);
    connection[Symbol.dispose]();
  });

  test('connections beyond the limit are closed', async () => {
    const { server, connection } = await serve({}, { limits: { connections: 3 } });
    await using _ = server;
    const [host, port] = server.address.split(':');
    const sockets = Array.from({ length: 3 }, () => connectSocket(Number(port), host));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await expect(connection.score(SCORE, { timeoutMs: 500 })).rejects.toMatchObject({
      code: expect.stringMatching('unavailable|deadline-exceeded'),
    });
    connection[Symbol.dispose]();
    const ended = Promise.all(sockets.map((socket) => once(socket, 'close')));
    for (const socket of sockets) socket.destroy();
    await ended;
    await answersOthers(server.address);
  });

  test('a connection without calls is closed after a while', async () => {
    const { server } = await serve({}, { limits: { idleMs: 200 } });
    await using _ = server;
    const session = await rawSession(server.address);
    await once(session, 'close', { signal: AbortSignal.timeout(5_000) });
  });
});

describe('slow clients', () => {
  test('a request that never becomes whole is given up', async () => {
    const { server } = await serve({}, { limits: { stallMs: 200 } });
    await using _ = server;
    await using session = await rawSession(server.address);
    const stream = session.request(HEADERS);
    stream.on('error', () => {});
    stream.write(EMPTY_MESSAGE.subarray(0, 3));
    const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(5_000) });
    expect(headers['grpc-status']).toBe('4');
    // What had come of it is let go, though the client keeps its side open.
    await once(stream, 'close', { signal: AbortSignal.timeout(5_000) });
  });

  test.each([
    ['Check', 'main'],
    ['Watch', 'main'],
    ['Check', 'plaintext'],
  ])('a health check (%s, %s port) that never becomes whole is given up too', async (method, port) => {
    const { server } = await serveWithHealthPort({ stallMs: 200 });
    await using _ = server;
    await using session = await rawSession(port === 'main' ? server.address : String(server.healthAddress));
    const stream = session.request({ ...HEADERS, [constants.HTTP2_HEADER_PATH]: `/grpc.health.v1.Health/${method}` });
    stream.on('error', () => {});
    stream.write(EMPTY_MESSAGE.subarray(0, 3));
    const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(5_000) });
    expect(headers['grpc-status']).toBe('4');
    await once(stream, 'close', { signal: AbortSignal.timeout(5_000) });
  });

  test('a stream that is not read is reset: the method ends, and its messages are let go', async () => {
    let made = 0;
    const ended = Promise.withResolvers<void>();
    const gradient = async function* () {
      try {
        for (;;) yield chunk(made++);
      } finally {
        ended.resolve();
      }
    };
    const { server } = await serve({ gradient }, { limits: { stallMs: 300 } });
    await using _ = server;
    await using session = await rawSession(server.address);
    const stream = session.request({ ...HEADERS, [constants.HTTP2_HEADER_PATH]: GRADIENT_PATH });
    stream.on('error', () => {});
    stream.end(EMPTY_MESSAGE);
    const closed = new Promise<number | undefined>((resolve) => stream.once('close', () => resolve(stream.rstCode)));
    await ended.promise;
    expect(made).toBeLessThan(10);
    stream.resume();
    expect(await closed).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await answersOthers(server.address);
  });

  test('a reader that pauses for less than that gets everything', async () => {
    const gradient = async function* () {
      for (let i = 0; i < 30; i++) yield chunk(i);
    };
    const { server, connection } = await serve({ gradient }, { limits: { stallMs: 1_000 } });
    await using _ = server;
    let read = 0;
    for await (const _part of connection.gradient(GRADIENT, SOON)) {
      if (++read % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(read).toBe(30);
    connection[Symbol.dispose]();
  });
});

/** The encoded google.rpc.Status of an error. */
function detailsOf(error: unknown): string {
  const { cause } = error as { cause: { metadata: { get(key: string): Buffer[] } } };
  return cause.metadata.get('grpc-status-details-bin')[0]?.toString('latin1') ?? '';
}
