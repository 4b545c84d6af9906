import { setTimeout as sleep } from 'node:timers/promises';
import { HealthClient } from '@alphapo/rpc';
import { performTask } from './child.ts';

/** Asks services for their health all the time, from a process of its own: what an orchestrator would see. */

export interface ProberTask {
  readonly services: Readonly<Record<string, string>>;
  readonly everyMs: number;
}

/** Milliseconds that each answer took, by service, and what answers there were other than SERVING. */
export type ProberResult = Readonly<Record<string, { readonly latenciesMs: number[]; readonly failures: string[] }>>;

await performTask<ProberTask, ProberResult>(async ({ services, everyMs }, stop) => {
  const found: Record<string, { latenciesMs: number[]; failures: string[] }> = {};
  const probe = async (name: string, address: string) => {
    const [latenciesMs, failures]: [number[], string[]] = [[], []];
    found[name] = { latenciesMs, failures };
    using health = new HealthClient(address);
    while (!stop.aborted) {
      const from = performance.now();
      try {
        const status = await health.check();
        latenciesMs.push(performance.now() - from);
        if (status !== 'SERVING') failures.push(status);
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(everyMs);
    }
  };
  await Promise.all(Object.entries(services).map(([name, address]) => probe(name, address)));
  return found;
});
