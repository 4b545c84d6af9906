import type { Server } from '@grpc/grpc-js';
import { HealthStatus } from './health-status.ts';
import { HealthThread } from './health-thread.ts';
import type { ServerLimits } from './limits.ts';

/** Health checking of a server on its own port, and on one for health in plaintext, where there is one. */
export class Health implements Disposable {
  readonly #status: HealthStatus;
  readonly #thread: HealthThread | undefined;

  private constructor(status: HealthStatus, thread: HealthThread | undefined) {
    this.#status = status;
    this.#thread = thread;
  }

  /** Errors: those of listening on the address. */
  static async open(services: readonly string[], address: string | undefined, limits: ServerLimits): Promise<Health> {
    const thread = address === undefined ? undefined : await HealthThread.open(address, services, limits);
    return new Health(new HealthStatus(services), thread);
  }

  /** Host and port in plaintext. */
  get address(): string | undefined {
    return this.#thread?.address;
  }

  addTo(server: Server): void {
    this.#status.addTo(server);
  }

  /** What is answered for the server and each of its services. */
  setServing(serving: boolean): void {
    this.#status.setServing(serving);
    this.#thread?.setServing(serving);
  }

  [Symbol.dispose](): void {
    this.#thread?.[Symbol.dispose]();
  }
}
