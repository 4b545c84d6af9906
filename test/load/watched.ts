import { setTimeout as sleep } from 'node:timers/promises';
import { HealthClient } from '@alphapo/rpc';
import { freePort } from '../support/free-port.ts';
import { type MemoryCourse, MemorySampler } from '../support/process-memory.ts';
import { ServiceProcess } from '../support/processes.ts';
import { Child } from './child.ts';
import type { IdleTask } from './idle-server.ts';
import type { ProberResult, ProberTask } from './prober.ts';

const PROBE_EVERY_MS = 20;
const MOST_TRIES = 300;
/** The name of the server that does nothing. */
export const IDLE = 'idle';

/** A service, and where it answers health checks and serves metrics. */
export interface WatchedService {
  readonly process: ServiceProcess;
  readonly health: string;
  readonly metrics: string;
}

/** Starts a service that has a port for health checks, as orchestrators are told to use. */
export async function startService(args: readonly string[]): Promise<WatchedService & AsyncDisposable> {
  const [health, metrics] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const process = new ServiceProcess([...args, '--health-address', health, '--metrics-address', metrics]);
  return { process, health, metrics, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/** What was seen of services from outside, from the start of `work` to its end. */
export interface Watched<T> {
  readonly result: T;
  readonly health: ProberResult;
  readonly memory: Readonly<Record<string, MemoryCourse>>;
}

/** Watches health and memory of services, and health of a server that does nothing, while some work goes on. */
export async function watched<T>(
  services: Readonly<Record<string, WatchedService>>,
  work: () => Promise<T>,
): Promise<Watched<T>> {
  const idle = `127.0.0.1:${await freePort()}`;
  await using _idle = new Child<IdleTask, object>('idle-server.ts', { address: idle });
  await answering(idle);
  const addresses: Record<string, string> = { [IDLE]: idle };
  for (const [name, { process, health }] of Object.entries(services)) {
    await process.address();
    addresses[name] = health;
  }
  await using prober = new Child<ProberTask, ProberResult>('prober.ts', {
    services: addresses,
    everyMs: PROBE_EVERY_MS,
  });
  await prober.begun();
  using sampler = new MemorySampler(
    Object.fromEntries(
      Object.entries(services).map(([name, { process, metrics }]) => [name, { pid: process.pid as number, metrics }]),
    ),
  );
  const result = await work();
  return { result, memory: sampler.courses(), health: await prober.stop() };
}

async function answering(address: string): Promise<void> {
  using health = new HealthClient(address);
  const isServing = () => health.check().catch(() => 'not yet');
  for (let tries = 0; (await isServing()) !== 'SERVING'; tries++) {
    if (tries === MOST_TRIES) throw new Error(`${address} does not answer`);
    await sleep(100);
  }
}
