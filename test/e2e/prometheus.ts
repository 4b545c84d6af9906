import type { Cluster } from './cluster.ts';
import { expectThat } from './expect-that.ts';
import { type Kubectl, POD_SECURITY, until } from './kubectl.ts';
import { RELEASE } from './release.ts';

/** A Prometheus of the Prometheus Operator's, which finds the release by the chart's ServiceMonitor and PrometheusRule. */

/** Made by test/kubernetes/prometheus-operator/install.sh. */
const PROMETHEUS_IMAGE = 'docker.io/library/alphapo-trial-prometheus:e2e';
const PROMETHEUS_VERSION = 'v3.14.0';
const NAME = 'trial';
const SECONDS = 120;

/** Who reads metrics, as `networkPolicy.monitoring`. */
export const MONITORING = [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } } }];

interface Answer<T> {
  readonly data: T;
}

interface Targets {
  readonly activeTargets: readonly { readonly health: string; readonly labels: Readonly<Record<string, string>> }[];
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly name: string; readonly health: string }[] }[];
}

/** Waits until every pod of these components is scraped, and all alerts of the chart are evaluated; returns how many alerts. */
export async function checkMonitoring({ kubectl }: Cluster, components: readonly string[]): Promise<number> {
  startPrometheus(kubectl);
  const ask = async <T>(what: string): Promise<T> => {
    const pod = `/api/v1/namespaces/${kubectl.namespace}/pods/prometheus-${NAME}-0:9090/proxy`;
    const answer = JSON.parse(await kubectl.run('get', '--raw', `${pod}/api/v1/${what}`)) as Answer<T>;
    return answer.data;
  };
  await until(`Prometheus scrapes ${components.join(', ')}`, SECONDS, async () => {
    const { activeTargets } = await ask<Targets>('targets?state=active');
    const of = (component: string) =>
      activeTargets.filter(
        ({ labels }) =>
          labels.app_kubernetes_io_component === component && labels.app_kubernetes_io_instance === RELEASE,
      );
    const all = activeTargets.every(({ health }) => health === 'up');
    return (all && components.every((component) => of(component).length > 0)) || undefined;
  });
  const rules = await until('the alerts are evaluated', SECONDS, async () => {
    const { groups } = await ask<Rules>('rules?type=alert');
    const found = groups.flatMap((group) => group.rules);
    return found.length > 0 && found.every(({ health }) => health !== 'unknown') ? found : undefined;
  });
  for (const { name, health } of rules) expectThat(health === 'ok', `the alert ${name} can be evaluated`);
  return rules.length;
}

function startPrometheus(kubectl: Kubectl): void {
  const account = `prometheus-${NAME}`;
  const metadata = { name: account };
  const rbac = 'rbac.authorization.k8s.io';
  kubectl.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  kubectl.apply({
    apiVersion: `${rbac}/v1`,
    kind: 'Role',
    metadata,
    rules: [{ apiGroups: [''], resources: ['services', 'endpoints', 'pods'], verbs: ['get', 'list', 'watch'] }],
  });
  kubectl.apply({
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: rbac, kind: 'Role', name: account },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: kubectl.namespace }],
  });
  kubectl.apply({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'Prometheus',
    metadata: { name: NAME },
    spec: {
      ...{ image: PROMETHEUS_IMAGE, version: PROMETHEUS_VERSION, replicas: 1, serviceAccountName: account },
      ...{ serviceMonitorSelector: {}, ruleSelector: {}, scrapeInterval: '5s', evaluationInterval: '5s' },
      resources: { requests: { cpu: '50m', memory: '128Mi' } },
      securityContext: POD_SECURITY,
    },
  });
}
