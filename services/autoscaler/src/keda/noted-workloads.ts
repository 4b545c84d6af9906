import type { Component, WorkloadEvent, WorkloadState, Workloads } from '../workloads.ts';

/** How many pods there should be, on the workload. */
const WANTED = 'alphapo.dev/wanted-replicas';

/**
 * Workloads that somebody else scales, who asks how many pods there should be: what is asked for is noted on them, and whoever reads them here
 * sees that in place of what they have. So any replica can answer, also a call that comes at zero.
 */
export class NotedWorkloads implements Workloads {
  readonly #workloads: Workloads;

  constructor(workloads: Workloads) {
    this.#workloads = workloads;
  }

  async read(component: Component): Promise<WorkloadState> {
    const state = await this.#workloads.read(component);
    const noted = state.annotations[WANTED];
    // Nothing was decided yet: what there is stays.
    return noted === undefined ? state : { ...state, replicas: Number(noted) };
  }

  scale(component: Component, replicas: number, version: string): Promise<void> {
    return this.#workloads.annotate(component, { [WANTED]: `${replicas}` }, version);
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
}
