import { type CallOptions, type Client, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { nameOverride } from './network.ts';
import { RpcSecurity } from './security/rpc-security.ts';

type Check = (
  request: { service: string },
  options: CallOptions,
  callback: (error: ServiceError | null, response: { status: string }) => void,
) => void;

/** How long a server may take to say how it is. */
const CHECK_MS = 10_000;

const Generated = makeGenericClientConstructor(service, 'Health');

/** Asks a server for its health (grpc.health.v1). */
export class HealthClient implements Disposable {
  readonly #client: Client & { check: Check };

  constructor(address: string, security: RpcSecurity = RpcSecurity.none) {
    this.#client = new Generated(
      address,
      security.channelCredentials(),
      nameOverride(security),
    ) as unknown as Client & { check: Check };
  }

  /** SERVING or NOT_SERVING, of one service or of the whole server. Rejects with the server's status. */
  check(name = '', { timeoutMs = CHECK_MS } = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#client.check({ service: name }, { deadline: Date.now() + timeoutMs }, (error, response) => {
        if (error === null) resolve(response.status);
        else reject(error);
      });
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
