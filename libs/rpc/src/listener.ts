import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as SocketServer } from 'node:net';
import { AlphapoError, messageOf } from '@alphapo/base';

/** A port that takes a bounded number of connections at a time. */
export class Listener {
  readonly port: number;
  readonly #server: SocketServer;

  private constructor(server: SocketServer) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Errors: INVALID_ADDRESS, ADDRESS_IN_USE and CANNOT_LISTEN with the address. */
  static async open(
    address: string,
    options: { readonly connections: number; readonly onConnection: Parameters<typeof createServer>[1] },
  ): Promise<Listener> {
    const { host, port } = hostAndPort(address);
    // Without delay: HTTP/2's small frames would wait for acknowledgements.
    const server = createServer({ noDelay: true }, options.onConnection);
    server.maxConnections = options.connections;
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw cannotListen(address, error);
    }
    return new Listener(server);
  }

  /** Takes no further connections; resolves when those that are open have ended. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}

/** `0.0.0.0:50051`, `localhost:0`, `[::]:50051`. */
function hostAndPort(address: string): { host: string; port: number } {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_ADDRESS',
      `"${address}" is not host:port, such as 0.0.0.0:50051`,
    );
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function cannotListen(address: string, cause: unknown): AlphapoError {
  const inUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
  const advice = inUse ? 'another process listens there; choose another port' : messageOf(cause);
  return new AlphapoError(
    'unavailable',
    inUse ? 'ADDRESS_IN_USE' : 'CANNOT_LISTEN',
    `cannot listen on ${address}: ${advice}`,
    { cause },
  );
}
