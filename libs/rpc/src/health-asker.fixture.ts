import { workerData } from 'node:worker_threads';
import { HealthClient } from './health-client.ts';

/** Asks for health until the answer is the one that is waited for, then wakes who waits. */
export interface Asking {
  readonly address: string;
  readonly wanted: string;
  readonly found: Int32Array;
}

const { address, wanted, found } = workerData as Asking;
using health = new HealthClient(address);
while ((await health.check()) !== wanted);
Atomics.store(found, 0, 1);
Atomics.notify(found, 0);
