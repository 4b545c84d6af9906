import { AlphapoError, sha256 } from '@alphapo/base';
import type { AppsV1Api, V1Deployment, V1Pod, V1Scale, V1StatefulSet } from '@kubernetes/client-node';
import {
  ABSENT,
  type Component,
  type PerComponent,
  type WorkloadEvent,
  type WorkloadState,
  type Workloads,
} from '../workloads.ts';
import { asking, type KubernetesApi } from './api.ts';
import { obstaclesOf, refusedPods } from './obstacles.ts';

/** Where a component's pods come from. */
export interface WorkloadReference {
  readonly kind: 'deployment' | 'statefulset';
  readonly name: string;
}

/** What a scale-down goes by: pods of a lower cost go first. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const BUSY_COST = '1000';
const REPORTER = 'alphapo-autoscaler';

interface Place {
  readonly name: string;
  readonly namespace: string;
}

/** The same requests for both kinds of workloads. */
interface KindApi {
  readonly kind: string;
  read(place: Place): Promise<V1Deployment | V1StatefulSet>;
  patch(place: Place & { readonly body: object }): Promise<unknown>;
  patchScale(place: Place & { readonly body: object }): Promise<V1Scale>;
}

function kindApi(apps: AppsV1Api, kind: WorkloadReference['kind']): KindApi {
  if (kind === 'deployment') {
    return {
      kind: 'Deployment',
      read: (place) => apps.readNamespacedDeployment(place),
      patch: (place) => apps.patchNamespacedDeployment(place),
      patchScale: (place) => apps.patchNamespacedDeploymentScale(place),
    };
  }
  return {
    kind: 'StatefulSet',
    read: (place) => apps.readNamespacedStatefulSet(place),
    patch: (place) => apps.patchNamespacedStatefulSet(place),
    patchScale: (place) => apps.patchNamespacedStatefulSetScale(place),
  };
}

/** Deployments and StatefulSets of a namespace. `identity` is named as the reporter of events. */
export class KubernetesWorkloads implements Workloads {
  readonly #api: KubernetesApi;
  readonly #namespace: string;
  readonly #references: PerComponent<WorkloadReference | undefined>;
  readonly #identity: string;

  constructor(
    api: KubernetesApi,
    options: {
      readonly namespace: string;
      /** Undefined: not installed. */
      readonly references: PerComponent<WorkloadReference | undefined>;
      readonly identity: string;
    },
  ) {
    this.#api = api;
    this.#namespace = options.namespace;
    this.#references = options.references;
    this.#identity = options.identity;
  }

  async read(component: Component): Promise<WorkloadState> {
    if (this.#references[component] === undefined) return ABSENT;
    const workload = await this.#read(component);
    const { metadata, spec, status } = workload;
    const replicas = spec?.replicas ?? 1;
    const readyReplicas = status?.readyReplicas ?? 0;
    const waiting = readyReplicas < replicas;
    return {
      replicas,
      current: replicas,
      readyReplicas,
      annotations: metadata?.annotations ?? {},
      templateDigest: sha256(JSON.stringify(spec?.template)),
      isUpToDate: status?.observedGeneration === metadata?.generation && (status?.updatedReplicas ?? 0) >= replicas,
      obstacles: waiting
        ? [
            ...refusedPods(metadata?.name ?? '', status?.conditions ?? []),
            ...obstaclesOf(await this.#pods(component, workload)),
          ]
        : [],
      version: metadata?.resourceVersion ?? '',
    };
  }

  async scale(component: Component, replicas: number, version: string): Promise<void> {
    const { api, place, label } = this.#of(component);
    const body = { metadata: { resourceVersion: version }, spec: { replicas } };
    await asking(`scaling ${label} to ${replicas}`, api.patchScale({ ...place, body }));
  }

  async annotate(
    component: Component,
    annotations: Readonly<Record<string, string | null>>,
    version?: string,
  ): Promise<void> {
    const { api, place, label } = this.#of(component);
    const metadata = { annotations, ...(version !== undefined && { resourceVersion: version }) };
    await asking(`annotating ${label}`, api.patch({ ...place, body: { metadata } }));
  }

  async protect(component: Component, busy: ReadonlySet<string>): Promise<void> {
    const pods = await this.#pods(component, await this.#read(component));
    for (const { metadata, status } of pods) {
      const wanted = busy.has(status?.podIP ?? '') ? BUSY_COST : undefined;
      if (metadata?.name === undefined || metadata.annotations?.[DELETION_COST] === wanted) continue;
      const body = { metadata: { annotations: { [DELETION_COST]: wanted ?? null } } };
      const { name } = metadata;
      const request = this.#api.core.patchNamespacedPod({ name, namespace: this.#namespace, body });
      await asking(`annotating pod ${this.#namespace}/${name}`, request);
    }
  }

  async report(component: Component, { type, reason, message }: WorkloadEvent): Promise<void> {
    const { api, place, label } = this.#of(component);
    const { metadata } = await this.#read(component);
    const now = new Date();
    const { namespace } = place;
    const body = {
      metadata: { generateName: `${place.name}.`, namespace },
      involvedObject: {
        apiVersion: 'apps/v1',
        kind: api.kind,
        ...place,
        ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
      },
      type,
      reason,
      message,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      source: { component: REPORTER },
      reportingComponent: REPORTER,
      reportingInstance: this.#identity,
    };
    await asking(`reporting on ${label}`, this.#api.core.createNamespacedEvent({ namespace, body }));
  }

  #of(component: Component) {
    const reference = this.#references[component];
    if (reference === undefined) throw new AlphapoError('not-found', 'NOT_IN_CLUSTER', `there is no ${component}`);
    const { kind, name } = reference;
    const label = `${kind} ${this.#namespace}/${name}`;
    return { api: kindApi(this.#api.apps, kind), place: { name, namespace: this.#namespace }, label };
  }

  #read(component: Component): Promise<V1Deployment | V1StatefulSet> {
    const { api, place, label } = this.#of(component);
    return asking(`reading ${label}`, api.read(place));
  }

  /** The workload's pods, by its labels. Those that are being deleted are none of it any more. */
  async #pods(component: Component, { spec }: V1Deployment | V1StatefulSet): Promise<V1Pod[]> {
    const labels = Object.entries(spec?.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
    const request = this.#api.core.listNamespacedPod({ namespace: this.#namespace, labelSelector: labels.join(',') });
    const { items } = await asking(`listing the pods of ${this.#of(component).label}`, request);
    return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  }
}
