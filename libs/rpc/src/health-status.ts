import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** What health checks (grpc.health.v1) answer for a server and each of its services. */
export class HealthStatus {
  readonly #names: readonly string[];
  readonly #health: HealthImplementation;

  constructor(services: readonly string[]) {
    this.#names = ['', ...services];
    this.#health = new HealthImplementation(Object.fromEntries(this.#names.map((name) => [name, 'SERVING'])));
  }

  addTo(server: Server): void {
    this.#health.addToServer(server);
  }

  setServing(serving: boolean): void {
    for (const name of this.#names) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }
}
