import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as SocketServer } from 'node:net';
import { AlphapoError, formatHostAndPort, messageOf, parseHostAndPort } from '@alphapo/base';
import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { repairGrpcJs } from './grpc-js-repairs.ts';

repairGrpcJs();

/** The port of a gRPC server, which takes a bounded number of connections at a time. */
export class Listener implements Disposable {
  /** Host and port, the latter as it was taken where 0 was asked for. */
  readonly address: string;
  readonly #sockets: SocketServer;
  readonly #server: Server;

  private constructor(address: string, sockets: SocketServer, server: Server) {
    this.address = address;
    this.#sockets = sockets;
    this.#server = server;
  }

  /** Errors: INVALID_ADDRESS, ADDRESS_IN_USE and CANNOT_LISTEN with the address. */
  static async open(
    address: string,
    server: Server,
    options: { readonly credentials: ServerCredentials; readonly connections: number },
  ): Promise<Listener> {
    const { host, port } = parseHostAndPort(address);
    const injector = server.createConnectionInjector(options.credentials);
    // Without delay: HTTP/2's small frames would wait for acknowledgements.
    const sockets = createServer({ noDelay: true }, (socket) => injector.injectConnection(socket));
    sockets.maxConnections = options.connections;
    sockets.listen(port, host);
    try {
      await once(sockets, 'listening');
    } catch (error) {
      throw cannotListen(address, error);
    }
    const { port: taken } = sockets.address() as AddressInfo;
    return new Listener(formatHostAndPort({ host, port: taken }), sockets, server);
  }

  /** Takes no further connections, and asks clients to leave; resolves when all have. */
  async close(): Promise<void> {
    const closed = once(this.#sockets, 'close');
    this.#sockets.close();
    this.#server.tryShutdown(() => {});
    await closed;
  }

  /** Closes all open connections at once. */
  [Symbol.dispose](): void {
    this.#sockets.close();
    this.#server.forceShutdown();
  }
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
