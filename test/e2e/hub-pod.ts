import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateAuthority } from '../support/certificates.ts';
import type { Cluster } from './cluster.ts';
import { CONTAINER_SECURITY, POD_SECURITY } from './kubectl.ts';

const ROOT = join(import.meta.dirname, '../..');
/** What the pod runs, beside Node.js. */
const SOURCES = ['test/e2e/hub/serve.ts', 'libs/hub/src/hub-server.fixture.ts'];
const NAME = 'hub';
const PORT = 8443;

/** What the hub has, as values of the chart. */
export const HUB_MODEL = { repo: 'team/model', revision: 'c0ffee'.padEnd(40, '0') };

export interface Hub {
  /** With https. */
  readonly endpoint: string;
  /** PEM of the authority that its certificate is from. */
  readonly authority: string;
}

/** Starts a hub with the trial's model in a namespace. */
export async function startHub(cluster: Cluster, token: string): Promise<Hub> {
  const { kubectl, image } = cluster;
  const host = `${NAME}.${kubectl.namespace}.svc`;
  const authority = await certificateAuthority();
  const { certificate, key } = await authority.issue({ dns: [host] });
  const labels = { app: NAME };
  const keyOf = (path: string) => path.replaceAll('/', '.');
  const sources = SOURCES.map((path) => [keyOf(path), readFileSync(join(ROOT, path), 'utf8')]);
  const metadata = { name: NAME, labels };
  kubectl.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(sources) });
  kubectl.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    stringData: { token, 'tls.crt': certificate, 'tls.key': key },
  });
  const container = { image, securityContext: CONTAINER_SECURITY };
  const model = { name: 'model', mountPath: '/model' };
  kubectl.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: {
      automountServiceAccountToken: false,
      securityContext: POD_SECURITY,
      initContainers: [{ ...container, name: 'model', args: ['init-model', '/model/tiny'], volumeMounts: [model] }],
      containers: [
        {
          ...container,
          name: NAME,
          command: ['node', `/sources/${SOURCES[0]}`, '/model/tiny', `${PORT}`],
          env: [{ name: 'HUB_TOKEN', valueFrom: { secretKeyRef: { name: NAME, key: 'token' } } }],
          readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
          volumeMounts: [
            model,
            { name: 'sources', mountPath: '/sources' },
            { name: 'identity', mountPath: '/identity' },
          ],
        },
      ],
      volumes: [
        { name: 'model', emptyDir: {} },
        { name: 'identity', secret: { secretName: NAME } },
        {
          name: 'sources',
          configMap: { name: NAME, items: SOURCES.map((path) => ({ key: keyOf(path), path })) },
        },
      ],
    },
  });
  kubectl.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: PORT }] } });
  await kubectl.run('wait', `pod/${NAME}`, '--for=condition=Ready', '--timeout=120s');
  return { endpoint: `https://${host}:${PORT}`, authority: authority.certificate };
}
