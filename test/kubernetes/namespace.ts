import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kubectl, until } from '../e2e/kubectl.ts';

/** Whether there is a cluster to test with: KUBECONFIG names one. */
export const hasCluster = process.env.KUBECONFIG !== undefined;

const ACCOUNT = 'autoscaler';

/** What the autoscaler may do: the table in docs/kubernetes.md. */
const RULES = [
  { apiGroups: ['apps'], resources: ['deployments', 'statefulsets'], verbs: ['get', 'patch'] },
  { apiGroups: ['apps'], resources: ['deployments/scale', 'statefulsets/scale'], verbs: ['patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'patch'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
];

/** Pods of these workloads find no node: nothing has to run for tests of what is asked for. */
const NOWHERE = {
  containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { limits: { 'alphapo.test/gpu': 1 } } }],
};

function workload(kind: 'Deployment' | 'StatefulSet', name: string): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: NOWHERE },
      ...(kind === 'StatefulSet' && { serviceName: name }),
    },
  };
}

/** A namespace of a test's own with the three workloads, and a kubeconfig with the rights of the autoscaler in it. */
export class TestNamespace implements AsyncDisposable {
  readonly name: string;
  readonly kubectl: Kubectl;
  readonly folder = mkdtempSync(join(tmpdir(), 'alphapo-kubernetes-'));

  private constructor(name: string) {
    this.name = name;
    this.kubectl = new Kubectl(name);
  }

  static async make(): Promise<TestNamespace> {
    const name = `alphapo-test-${process.pid}-${Date.now() % 100_000}`;
    const namespace = new TestNamespace(name);
    const { kubectl } = namespace;
    await kubectl.run('create', 'namespace', name);
    kubectl.apply(workload('Deployment', 'tokenizer'));
    kubectl.apply(workload('Deployment', 'scorer'));
    kubectl.apply(workload('StatefulSet', 'optimizer'));
    return namespace;
  }

  /** A kubeconfig file with a token that may do what the autoscaler needs, and no more. */
  async autoscalerConfig(): Promise<string> {
    const { kubectl, name } = this;
    await kubectl.run('create', 'serviceaccount', ACCOUNT);
    kubectl.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: ACCOUNT },
      rules: RULES,
    });
    await kubectl.run('create', 'rolebinding', ACCOUNT, `--role=${ACCOUNT}`, `--serviceaccount=${name}:${ACCOUNT}`);
    const token = (await kubectl.run('create', 'token', ACCOUNT)).trim();
    const config = JSON.parse(await kubectl.run('config', 'view', '--raw', '--minify', '-o', 'json'));
    config.users = [{ name: ACCOUNT, user: { token } }];
    config.contexts[0].context.user = ACCOUNT;
    const file = join(this.folder, 'kubeconfig');
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** Waits until a workload asks for this number of pods. */
  async replicas(workload: string, count: number, seconds = 60): Promise<void> {
    await until(`${workload} asks for ${count}`, seconds, async () => {
      const { spec } = await this.kubectl.get(workload);
      return spec.replicas === count ? true : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true });
    await this.kubectl.run('delete', 'namespace', this.name, '--wait=false');
  }
}
