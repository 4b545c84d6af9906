import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KAFKA_API } from './kafka-requests.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** Answers each piece of data with the same piece, and keeps what it received. */
async function echoServer(): Promise<AsyncDisposable & { readonly port: number; readonly received: Buffer[] }> {
  const received: Buffer[] = [];
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      received.push(data);
      socket.write(data);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function connecting(proxy: TcpProxy): Socket & Disposable {
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  return Object.assign(socket, { [Symbol.dispose]: () => socket.destroy() });
}

async function connected(proxy: TcpProxy): Promise<Socket & Disposable> {
  const socket = connecting(proxy);
  await once(socket, 'connect');
  return socket;
}

/** The head of a request as Kafka's clients send it, with some bytes after. */
function kafkaRequest(apiKey: number): Buffer {
  const request = Buffer.alloc(20);
  request.writeInt32BE(16);
  request.writeInt16BE(apiKey, 4);
  return request;
}

/** Resolves when a connection has ended, with an error or without. */
const closed = (socket: Socket) =>
  socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));

const echo = async (socket: Socket, data: Buffer) => {
  socket.write(data);
  return (await once(socket, 'data'))[0] as Buffer;
};

test('data passes both ways', async () => {
  await using server = await echoServer();
  await using proxy = await TcpProxy.start(server.port);
  using socket = await connected(proxy);
  expect(`${await echo(socket, Buffer.from('hello'))}`).toBe('hello');
});

test('a cut resets connections, and refuses new ones for a while', async () => {
  await using server = await echoServer();
  await using proxy = await TcpProxy.start(server.port);
  using socket = await connected(proxy);
  await echo(socket, Buffer.from('hello'));
  proxy.cut(300);
  await closed(socket);
  using refused = connecting(proxy);
  await closed(refused);
  await sleep(300);
  using again = await connected(proxy);
  expect(`${await echo(again, Buffer.from('again'))}`).toBe('again');
});

test('what is held up by a stall arrives after it', async () => {
  await using server = await echoServer();
  await using proxy = await TcpProxy.start(server.port);
  using socket = await connected(proxy);
  const stalled = proxy.stall(400);
  const began = performance.now();
  expect(`${await echo(socket, Buffer.from('late'))}`).toBe('late');
  expect(performance.now() - began).toBeGreaterThan(350);
  await stalled;
});

test('a slow connection takes its time in each direction', async () => {
  await using server = await echoServer();
  await using proxy = await TcpProxy.start(server.port);
  using socket = await connected(proxy);
  const slow = proxy.slow({ latencyMs: 50, bytesPerSecond: 1000 }, 500);
  const began = performance.now();
  await echo(socket, Buffer.alloc(100));
  expect(performance.now() - began).toBeGreaterThan(250);
  await slow;
});

test('a request whose reply is lost has reached the server', async () => {
  await using server = await echoServer();
  await using proxy = await TcpProxy.start(server.port);
  using socket = await connected(proxy);
  const lost = proxy.loseReply(KAFKA_API.endTransaction, new AbortController().signal);
  await echo(socket, kafkaRequest(KAFKA_API.produce));
  let replies = 0;
  socket.on('data', () => replies++);
  const request = kafkaRequest(KAFKA_API.endTransaction);
  // However it is cut into pieces.
  socket.write(request.subarray(0, 3));
  await sleep(50);
  socket.write(request.subarray(3, 5));
  await sleep(50);
  replies = 0;
  socket.write(request.subarray(5));
  await Promise.all([lost, closed(socket)]);
  expect(Buffer.concat(server.received).subarray(-request.length)).toEqual(request);
  expect(replies).toBe(0);
});

test('a request that is lost has not reached the server, and those before it have', async () => {
  await using server = await echoServer();
  await using proxy = await TcpProxy.start(server.port);
  using socket = await connected(proxy);
  const lost = proxy.loseRequest(KAFKA_API.endTransaction, new AbortController().signal);
  const before = kafkaRequest(KAFKA_API.produce);
  await echo(socket, before);
  socket.write(kafkaRequest(KAFKA_API.endTransaction));
  await Promise.all([lost, closed(socket)]);
  expect(Buffer.concat(server.received)).toEqual(before);
});

test('retargeted, it leads to another server', async () => {
  await using first = await echoServer();
  await using second = await echoServer();
  await using proxy = await TcpProxy.start(first.port);
  proxy.retarget(second.port);
  using socket = await connected(proxy);
  await echo(socket, Buffer.from('hello'));
  expect(first.received).toHaveLength(0);
  expect(second.received).toHaveLength(1);
});
