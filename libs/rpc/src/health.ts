import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { KEEPALIVE, type ServerLimits } from './limits.ts';
import { Listener } from './listener.ts';
import { HEALTH_REQUEST_BYTES, sheddingLoad } from './load-shedding.ts';

/** Whoever asks for health holds one connection, and a call or two. */
const PLAINTEXT_LIMITS = { connections: 64, callsPerConnection: 16 };

/** Health checking (grpc.health.v1) of a server, and the port for those who ask for it in plaintext, where there is one. */
export class Health implements Disposable {
  readonly #names: readonly string[];
  readonly #health: HealthImplementation;
  #listener: Listener | undefined;

  private constructor(services: readonly string[]) {
    this.#names = ['', ...services];
    this.#health = new HealthImplementation(Object.fromEntries(this.#names.map((name) => [name, 'SERVING'])));
  }

  /** Errors: those of listening on the address. */
  static async open(services: readonly string[], address: string | undefined, limits: ServerLimits): Promise<Health> {
    const health = new Health(services);
    if (address === undefined) return health;
    const server = new Server({
      'grpc.max_receive_message_length': HEALTH_REQUEST_BYTES,
      'grpc.max_concurrent_streams': PLAINTEXT_LIMITS.callsPerConnection,
      'grpc.max_connection_idle_ms': limits.idleMs,
      ...KEEPALIVE,
      interceptors: [sheddingLoad(limits)],
    });
    health.addTo(server);
    const credentials = ServerCredentials.createInsecure();
    const { connections } = PLAINTEXT_LIMITS;
    health.#listener = await Listener.open(address, server, { credentials, connections });
    return health;
  }

  /** Host and port in plaintext. */
  get address(): string | undefined {
    return this.#listener?.address;
  }

  addTo(server: Server): void {
    this.#health.addToServer(server);
  }

  /** What is answered for the server and each of its services. */
  setServing(serving: boolean): void {
    for (const name of this.#names) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  [Symbol.dispose](): void {
    this.#listener?.[Symbol.dispose]();
  }
}
