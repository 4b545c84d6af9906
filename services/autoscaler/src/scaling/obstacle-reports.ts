import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import {
  COMPONENTS,
  type Component,
  type Obstacle,
  type PerComponent,
  type WorkloadState,
  type Workloads,
} from '../workloads.ts';

/** A lasting obstacle is reported again after this time. */
const AGAIN_MS = 10 * 60_000;

/**
 * Tells what keeps pods from running, on the workload and in the log: once when it begins, and now and then while it
 * lasts. Without it a scorer that no node has a GPU for is only a pod that is pending somewhere.
 */
export class ObstacleReports {
  readonly #workloads: Workloads;
  readonly #logger: Logger<AutoscalerEvents>;
  /** When each obstacle was reported, on the clock of `performance`. */
  readonly #told = new Map<string, number>();

  constructor(workloads: Workloads, logger: Logger<AutoscalerEvents>) {
    this.#workloads = workloads;
    this.#logger = logger;
  }

  async tell(states: PerComponent<WorkloadState>): Promise<void> {
    const present = new Set<string>();
    for (const component of COMPONENTS) {
      for (const [reason, obstacles] of byReason(states[component].obstacles)) {
        const key = `${component} ${reason}`;
        present.add(key);
        const told = this.#told.get(key);
        if (told !== undefined && performance.now() - told < AGAIN_MS) continue;
        await this.#tellOne(component, reason, obstacles);
        this.#told.set(key, performance.now());
      }
    }
    for (const key of this.#told.keys()) if (!present.has(key)) this.#told.delete(key);
  }

  async #tellOne(component: Component, reason: string, obstacles: readonly Obstacle[]): Promise<void> {
    const [first] = obstacles;
    const message = `${obstacles.length} pods cannot run; for example ${first?.name}: ${first?.message}`;
    this.#logger.warn('workload.blocked', { component, reason, pods: obstacles.length, message: first?.message });
    await this.#workloads
      .report(component, { type: 'Warning', reason: `Pods${reason}`, message })
      .catch((error: unknown) => this.#logger.warn('kubernetes-event.not-reported', { component, error }));
  }
}

function byReason(obstacles: readonly Obstacle[]): ReadonlyMap<string, Obstacle[]> {
  return Map.groupBy(obstacles, ({ reason }) => reason);
}
