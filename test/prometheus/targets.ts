import { NAMESPACE, type Resource, render } from '../chart/helm.ts';

/** The services of which the chart's ServiceMonitor makes targets. */
export const COMPONENTS = ['tokenizer', 'scorer', 'sampler', 'optimizer', 'autoscaler'] as const;

export interface ScrapeConfig {
  readonly job_name: string;
  readonly static_configs: readonly { readonly targets: string[]; readonly labels: Readonly<Record<string, string>> }[];
}

/**
 * What the Prometheus Operator makes of the chart's ServiceMonitor: a target for each Service that it selects and that has its port,
 * with the Operator's labels and those that the monitor asks for. `addressOf` says where a component's metrics are.
 */
export function scrapeConfigs(addressOf: (component: string) => string): ScrapeConfig[] {
  const resources = render({ metrics: { serviceMonitor: { enabled: true } }, sampler: { enabled: true } });
  const { spec } = resources.find(({ kind }: Resource) => kind === 'ServiceMonitor');
  const [endpoint] = spec.endpoints;
  const selected = resources.filter(
    ({ kind, metadata, spec: service }: Resource) =>
      kind === 'Service' &&
      Object.entries(spec.selector.matchLabels).every(([label, value]) => metadata.labels[label] === value) &&
      service.ports.some(({ name }: Resource) => name === endpoint.port),
  );
  return selected.map(({ metadata: { name, labels } }) => {
    const component = labels['app.kubernetes.io/component'];
    const asked = spec.targetLabels.map((label: string) => [label.replace(/\W/g, '_'), labels[label]]);
    const own = {
      ...{ namespace: NAMESPACE, service: name, endpoint: endpoint.port, pod: `${name}-0`, container: component },
      ...Object.fromEntries(asked),
    };
    return { job_name: name, static_configs: [{ targets: [addressOf(component)], labels: own }] };
  });
}
