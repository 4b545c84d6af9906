/** What tests and benchmarks of the whole look into; packages use the index alone. */
export { type ActivatorConfig, type SamplersConfig, startActivator } from './activator/start.ts';
export { KubernetesWorkloads, kubernetesLease, openKubernetesApi } from './kubernetes/index.ts';
export { control } from './scaling/controller.ts';
export { Lags } from './scaling/lags.ts';
export { observe } from './scaling/observer.ts';
export { perComponent } from './workloads.ts';
