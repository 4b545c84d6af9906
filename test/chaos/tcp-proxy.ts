import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaRequests } from './kafka-requests.ts';

/** What a slow connection adds to each piece of data, per direction. */
export interface Slowness {
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: KafkaRequests;
  /** The reply to a request of this connection must not arrive. */
  losesReply: boolean;
}

/** Loopback TCP from one port to another, which can cut, hold up and slow down what passes. */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #targetPort: number;
  #refusesUntil = 0;
  #stalled: Promise<unknown> = Promise.resolve();
  #slowness: Slowness | undefined;
  #loss: { readonly apiKey: number; readonly what: 'request' | 'reply'; readonly onLost: () => void } | undefined;

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server;
    this.port = port;
    this.#targetPort = targetPort;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Listens on `port`; 0 takes a free one. */
  static async start(targetPort: number, port = 0): Promise<TcpProxy> {
    const server = createServer({ noDelay: true }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, (server.address() as { port: number }).port, targetPort);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** New connections go to another port from here on, and those that there are end. */
  retarget(port: number): void {
    this.#targetPort = port;
    this.#reset();
  }

  /** Resets all connections, and new ones at once for a while. */
  cut(forMs: number): void {
    this.#refusesUntil = performance.now() + forMs;
    this.#reset();
  }

  /** Nothing passes for a while; then all of it does, as after a network's outage. Connections stay. */
  async stall(forMs: number): Promise<void> {
    const before = this.#stalled;
    this.#stalled = Promise.all([before, sleep(forMs)]);
    await this.#stalled;
  }

  /** Everything passes late and little by little for a while. */
  async slow(slowness: Slowness, forMs: number): Promise<void> {
    this.#slowness = slowness;
    await sleep(forMs);
    if (this.#slowness === slowness) this.#slowness = undefined;
  }

  /**
   * The next Kafka request with this key reaches the broker, and its connection is reset before the reply: the client
   * cannot know whether it was carried out. Resolves when that has happened; the signal ends the readiness for it.
   */
  loseReply(apiKey: number, signal: AbortSignal): Promise<void> {
    return this.#lose('reply', apiKey, signal);
  }

  /** As `loseReply`, but the request does not reach the broker: the client sees the same. */
  loseRequest(apiKey: number, signal: AbortSignal): Promise<void> {
    return this.#lose('request', apiKey, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const pair of this.#pairs) end(pair);
    await closed;
  }

  async #lose(what: 'request' | 'reply', apiKey: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#loss = { apiKey, what, onLost: resolve };
    signal.addEventListener('abort', () => {
      this.#loss = undefined;
    });
    await promise;
  }

  #reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    if (performance.now() < this.#refusesUntil) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    server.on('error', () => {});
    const pair: Pair = { client, server, requests: new KafkaRequests(), losesReply: false };
    this.#pairs.add(pair);
    const done = [
      this.#pump(client, server, (chunk) => this.#watchRequests(pair, chunk)),
      this.#pump(server, client, () => this.#dropReply(pair)),
    ];
    void Promise.allSettled(done).then(() => {
      end(pair);
      this.#pairs.delete(pair);
    });
  }

  async #pump(from: Socket, to: Socket, look: (chunk: Buffer) => void): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        await this.#passage(chunk.length);
        look(chunk);
        if (to.destroyed) break;
        if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      to.end();
    } catch {
      // A connection that broke on one side breaks on the other.
      to.destroy();
    }
  }

  async #passage(bytes: number): Promise<void> {
    await this.#stalled;
    if (this.#slowness === undefined) return;
    const { latencyMs, bytesPerSecond } = this.#slowness;
    await sleep(latencyMs + (bytes / bytesPerSecond) * 1000);
  }

  #watchRequests(pair: Pair, chunk: Buffer): void {
    const apiKeys = pair.requests.push(chunk);
    if (this.#loss === undefined || !apiKeys.includes(this.#loss.apiKey)) return;
    if (this.#loss.what === 'reply') pair.losesReply = true;
    else this.#break(pair);
  }

  #dropReply(pair: Pair): void {
    if (pair.losesReply) this.#break(pair);
  }

  /** What is on its way does not arrive. */
  #break({ client, server }: Pair): void {
    client.resetAndDestroy();
    server.destroy();
    this.#loss?.onLost();
    this.#loss = undefined;
  }
}

function end({ client, server }: Pair): void {
  client.destroy();
  server.destroy();
}
