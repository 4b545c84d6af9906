import { describeHelm, environmentOf, podsOf, type Resource, render, type Values } from './helm.ts';
import { VARIANTS } from './variants.ts';

/** Who reaches the metrics, which are plain HTTP: docs/security.md. */

const PORT = 9464;
const SERVICES = ['autoscaler', 'optimizer', 'scorer', 'tokenizer'].map((name) => `trial-alphapo-${name}`);
const MONITORING = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }];

/** Of each NetworkPolicy, the rules of its ingress that open the port. */
function rulesForMetrics(values: Values, files: readonly string[] = []): Record<string, Resource[]> {
  const policies = render(values, files).filter(({ kind }: Resource) => kind === 'NetworkPolicy');
  const opens = ({ ports = [{ port: PORT }] }: Resource) => ports.some(({ port }: Resource) => port === PORT);
  return Object.fromEntries(
    policies.map(({ metadata, spec }: Resource) => [metadata.name, (spec.ingress ?? []).filter(opens)]),
  );
}

describeHelm('metrics', () => {
  test('are for those that the values name, and not for clients of the services', () => {
    const clients = [{ podSelector: { matchLabels: { app: 'producer' } } }];
    const rules = rulesForMetrics({ networkPolicy: { monitoring: MONITORING, clients } });
    const expected = [{ ports: [{ protocol: 'TCP', port: PORT }], from: MONITORING }];
    expect(rules).toEqual(Object.fromEntries(SERVICES.map((name) => [name, expected])));
  });

  test('are for everybody where the values name nobody', () => {
    const expected = [{ ports: [{ protocol: 'TCP', port: PORT }] }];
    expect(rulesForMetrics({})).toEqual(Object.fromEntries(SERVICES.map((name) => [name, expected])));
  });

  test.each(VARIANTS)('are reached by one rule of each service, and by none of a broker: %s', (_, values, files) => {
    for (const [name, rules] of Object.entries(rulesForMetrics(values, files))) {
      expect({ name, rules: rules.length }).toEqual({ name, rules: name.endsWith('-kafka') ? 0 : 1 });
    }
  });

  test('have no port, no Service and no rule where they are off', () => {
    const values = { metrics: { enabled: false }, networkPolicy: { monitoring: MONITORING } };
    expect(rulesForMetrics(values)).toEqual(Object.fromEntries(SERVICES.map((name) => [name, []])));
    const resources = render(values);
    for (const { spec } of podsOf(resources)) {
      for (const { ports = [] } of spec.containers) {
        expect(ports.map(({ name }: Resource) => name)).not.toContain('metrics');
      }
    }
    for (const { kind, spec } of resources) {
      if (kind === 'Service') expect(spec.ports.map(({ name }: Resource) => name)).not.toContain('metrics');
    }
    const workloads = resources.filter(({ kind }: Resource) => ['Deployment', 'StatefulSet'].includes(kind));
    for (const workload of workloads) expect(environmentOf(workload)).not.toHaveProperty('ALPHAPO_METRICS_ADDRESS');
  });
});
