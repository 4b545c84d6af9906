/** What the autoscaler scales. */
export const COMPONENTS = ['tokenizer', 'scorer', 'optimizer', 'sampler'] as const;
export type Component = (typeof COMPONENTS)[number];
export type PerComponent<T> = Readonly<Record<Component, T>>;

/** One value for each component. */
export function perComponent<T>(value: (component: Component) => T): PerComponent<T> {
  return {
    tokenizer: value('tokenizer'),
    scorer: value('scorer'),
    optimizer: value('optimizer'),
    sampler: value('sampler'),
  };
}

/** Something that keeps a workload from having its pods: no room for one, an image that is missing, a program that crashes. */
export interface Obstacle {
  /** The pod, or the workload where it may not make one. */
  readonly name: string;
  /** Kubernetes' word for it, such as `Unschedulable` or `ImagePullBackOff`. */
  readonly reason: string;
  readonly message: string;
}

/** A Deployment or StatefulSet, as the API server knows it. */
export interface WorkloadState {
  /** Pods that are asked for. */
  readonly replicas: number;
  /** Pods that the workload itself is scaled to: another number only where KEDA scales, and has not yet. */
  readonly current: number;
  readonly readyReplicas: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Changes whenever its pods would be made differently. */
  readonly templateDigest: string;
  /** All its pods are made as the template says now. */
  readonly isUpToDate: boolean;
  readonly obstacles: readonly Obstacle[];
  /** Changes whenever anything of it does. */
  readonly version: string;
}

/** A component that is not installed, as the sampler may be. */
export const ABSENT: WorkloadState = {
  ...{ replicas: 0, current: 0, readyReplicas: 0, annotations: {}, templateDigest: '', isUpToDate: true },
  ...{ obstacles: [], version: '' },
};

export interface WorkloadEvent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, for programs. */
  readonly reason: string;
  readonly message: string;
}

/**
 * The cluster, as far as the autoscaler reads and changes it. Errors: `unavailable` where the API server cannot be
 * reached, `permission-denied` with the right that is missing, `not-found`.
 */
export interface Workloads {
  /** ABSENT where it is not installed: nothing else is asked of it then. */
  read(component: Component): Promise<WorkloadState>;
  /** Asks for a number of pods. Errors: CONFLICT (aborted) where the workload is not as it was in this version. */
  scale(component: Component, replicas: number, version: string): Promise<void>;
  /**
   * Sets annotations of the workload itself, not of its pods; null removes one. Errors: CONFLICT (aborted) where a version is given
   * and the workload is not as it was in it.
   */
  annotate(component: Component, annotations: Readonly<Record<string, string | null>>, version?: string): Promise<void>;
  /** Makes pods the last (`busy`) or the first ones to go when there are to be fewer. By their IP addresses. */
  protect(component: Component, busy: ReadonlySet<string>): Promise<void>;
  /** Tells whoever looks at the workload (`kubectl describe`). */
  report(component: Component, event: WorkloadEvent): Promise<void>;
}
