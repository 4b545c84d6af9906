import type { Component, Obstacle, WorkloadEvent, WorkloadState, Workloads } from '../workloads.ts';

/** How many pods there should be. The chart empties it where KEDA does not scale: what was desired long ago says nothing. */
const DESIRED = 'alphapo.dev/desired-replicas';
/** KEDA polls every few seconds, and a Score call is waiting. */
const PATIENCE_MS = 60_000;

/**
 * Workloads that KEDA scales, who asks how many pods there should be: what is asked for is an annotation of theirs, and whoever reads them
 * here sees that as their `replicas`. So any replica of the autoscaler can answer, also for a call that comes at zero.
 */
export class AnnotatedWorkloads implements Workloads {
  readonly #workloads: Workloads;
  readonly #patienceMs: number;
  /** Since when there are none, though some are desired; on the clock of `performance`. */
  readonly #missingSince = new Map<Component, number>();

  constructor(workloads: Workloads, patienceMs = PATIENCE_MS) {
    this.#workloads = workloads;
    this.#patienceMs = patienceMs;
  }

  async read(component: Component): Promise<WorkloadState> {
    const state = await this.#workloads.read(component);
    const desired = state.annotations[DESIRED] ?? '';
    // Nothing was decided yet: what there is stays.
    const replicas = /^\d+$/.test(desired) ? Number(desired) : state.replicas;
    const obstacles = [...this.#obstacles(component, replicas, state), ...state.obstacles];
    return { ...state, replicas, obstacles };
  }

  scale(component: Component, replicas: number, version: string): Promise<void> {
    return this.#workloads.annotate(component, { [DESIRED]: `${replicas}` }, version);
  }

  annotate(component: Component, annotations: Readonly<Record<string, string | null>>, version?: string) {
    return this.#workloads.annotate(component, annotations, version);
  }

  protect(component: Component, busy: ReadonlySet<string>): Promise<void> {
    return this.#workloads.protect(component, busy);
  }

  report(component: Component, event: WorkloadEvent): Promise<void> {
    return this.#workloads.report(component, event);
  }

  #obstacles(component: Component, desired: number, { current }: WorkloadState): Obstacle[] {
    if (desired === 0 || current > 0) {
      this.#missingSince.delete(component);
      return [];
    }
    const now = performance.now();
    const since = this.#missingSince.get(component) ?? now;
    this.#missingSince.set(component, since);
    if (now - since < this.#patienceMs) return [];
    const message = `KEDA was told to scale to ${desired} and has not; see kubectl describe scaledobject`;
    return [{ name: component, reason: 'NotScaledByKeda', message }];
  }
}
