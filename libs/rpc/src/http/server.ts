import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { AlphapoError, formatHostAndPort, messageOf, parseHostAndPort, within } from '@alphapo/base';
import type { RpcSecurity } from '../security/rpc-security.ts';

const CONNECTIONS = 2048;
const DRAIN_MS = 30_000;

export interface HttpServerOptions {
  /** Host and port; port 0 takes a free one. */
  readonly address: string;
  readonly listener: RequestListener;
  readonly security: RpcSecurity;
  /** How long running requests have to end, in milliseconds. */
  readonly drainMs: number | undefined;
}

/** An HTTP server, with TLS where the security has it. */
export class HttpServer implements AsyncDisposable {
  readonly address: string;
  readonly #server: Server | HttpsServer;
  readonly #drainMs: number;
  #closing: Promise<void> | undefined;

  private constructor(server: Server | HttpsServer, address: string, drainMs: number) {
    this.#server = server;
    this.address = address;
    this.#drainMs = drainMs;
  }

  /** Errors: INVALID_ADDRESS; CANNOT_LISTEN with the address. */
  static async start({ address, listener, security, drainMs = DRAIN_MS }: HttpServerOptions): Promise<HttpServer> {
    const { host, port } = parseHostAndPort(address);
    const tls = security.httpsOptions();
    const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls.options, listener);
    if (tls !== undefined) {
      const following = tls.onChange((context) => (server as HttpsServer).setSecureContext(context));
      server.once('close', () => following[Symbol.dispose]());
    }
    server.maxConnections = CONNECTIONS;
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (cause) {
      const problem = `http-address: cannot listen on ${address}: ${messageOf(cause)}`;
      throw new AlphapoError('unavailable', 'CANNOT_LISTEN', problem, { cause });
    }
    const taken = formatHostAndPort({ host, port: (server.address() as AddressInfo).port });
    return new HttpServer(server, taken, drainMs);
  }

  /** Takes no new connections, lets running requests end within the drain time, then cuts what is left. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await within(this.#drainMs, closed, () => {});
    this.#server.closeAllConnections();
  }
}
