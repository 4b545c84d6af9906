import { AlphapoError } from '@alphapo/base';
import type { LeaseStore, StoredLease } from './leadership/lease-store.ts';
import {
  type Component,
  type PerComponent,
  perComponent,
  type WorkloadEvent,
  type WorkloadState,
  type Workloads,
} from './workloads.ts';

/**
 * The API server's part in tests without a cluster: objects with versions, which refuse what was decided on an older one.
 * Nothing runs in it: a test says when pods are ready. The tests in test/kubernetes use a real one.
 */

function conflict(what: string): AlphapoError {
  return new AlphapoError('aborted', 'CONFLICT', `${what} has changed`);
}

export class MemoryWorkloads implements Workloads {
  readonly events: (WorkloadEvent & { readonly component: Component })[] = [];
  /** Numbers of pods that were asked for, in order. */
  readonly scalings: { readonly component: Component; readonly replicas: number }[] = [];
  /** Addresses of pods that were to be spared, at each time. */
  readonly protections: ReadonlySet<string>[] = [];
  /** Fails every request while it is set. */
  failure: Error | undefined;
  #versions = 0;
  #states: PerComponent<WorkloadState> = perComponent(() => ({
    replicas: 0,
    current: 0,
    readyReplicas: 0,
    annotations: {},
    templateDigest: 'first',
    isUpToDate: true,
    obstacles: [],
    version: `${this.#versions++}`,
  }));

  /** The workload as it is. */
  state(component: Component): WorkloadState {
    return this.#states[component];
  }

  /** Changes a workload from outside. */
  change(component: Component, change: Partial<WorkloadState>): void {
    this.#states = {
      ...this.#states,
      [component]: {
        ...this.#states[component],
        ...(change.replicas !== undefined && { current: change.replicas }),
        ...change,
        version: `${this.#versions++}`,
      },
    };
  }

  async read(component: Component): Promise<WorkloadState> {
    this.#mayFail();
    return this.#states[component];
  }

  async scale(component: Component, replicas: number, version: string): Promise<void> {
    this.#mayFail();
    if (version !== this.#states[component].version) throw conflict(component);
    this.scalings.push({ component, replicas });
    this.change(component, { replicas });
  }

  async annotate(
    component: Component,
    annotations: Readonly<Record<string, string | null>>,
    version?: string,
  ): Promise<void> {
    this.#mayFail();
    if (version !== undefined && version !== this.#states[component].version) throw conflict(component);
    const all = { ...this.#states[component].annotations, ...annotations };
    const kept = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
    this.change(component, { annotations: Object.fromEntries(kept) });
  }

  async protect(_component: Component, busy: ReadonlySet<string>): Promise<void> {
    this.#mayFail();
    this.protections.push(busy);
  }

  async report(component: Component, event: WorkloadEvent): Promise<void> {
    this.#mayFail();
    this.events.push({ component, ...event });
  }

  #mayFail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

/** A lease in memory. `reach` says who can reach it now: the others' requests fail. */
export class MemoryLease {
  lease: StoredLease | undefined;
  readonly cutOff = new Set<string>();

  /** The store as a candidate sees it. */
  for(identity: string): LeaseStore {
    const reach = () => {
      if (this.cutOff.has(identity)) throw new AlphapoError('unavailable', 'API_UNAVAILABLE', 'no route');
    };
    return {
      read: async () => {
        reach();
        return this.lease;
      },
      write: async (record, version) => {
        reach();
        if (version !== this.lease?.version) throw conflict('the lease');
        const stored = { ...record, version: `${Number(version ?? 0) + 1}` };
        this.lease = stored;
        return stored;
      },
    };
  }
}
