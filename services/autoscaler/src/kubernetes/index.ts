export { openKubernetesApi } from './api.ts';
export { kubernetesLease } from './lease-store.ts';
export { KubernetesWorkloads, type WorkloadReference } from './workloads.ts';
