import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { NAMESPACE, type Resource } from './helm.ts';

/** What templates look up, by group and version. */
const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'api/v1': {
    ConfigMap: 'configmaps',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    Secret: 'secrets',
    ServiceAccount: 'serviceaccounts',
  },
  'apis/apps/v1': { Deployment: 'deployments', StatefulSet: 'statefulsets' },
};

/** An API server that knows some objects of the namespace, as far as Helm's `lookup` asks for them. */
export interface ApiServer extends AsyncDisposable {
  /** Options that make Helm ask it. */
  readonly options: readonly string[];
}

/** Serves objects, and the namespace's default service account, on a free port. */
export async function serveApi(objects: readonly Resource[]): Promise<ApiServer> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  const answers = new Map<string, object>([
    ['/version', { major: '1', minor: '34', gitVersion: 'v1.34.0' }],
    ['/api', { kind: 'APIVersions', versions: ['v1'] }],
    ['/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: [group('apps')] }],
    ...Object.entries(KINDS).map(([place, kinds]) => [`/${place}`, resourceList(place, kinds)] as const),
    ...[account, ...objects].map((object) => [placeOf(object), object] as const),
  ]);
  const server = createServer(({ url = '' }, response) => {
    const answer = answers.get(url.split('?')[0] ?? '');
    const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? missing));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kubeconfig = join(await temporaryFolder(), 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(configFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)));
  return {
    options: ['--dry-run=server', '--kubeconfig', kubeconfig],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function placeOf({ apiVersion, kind, metadata }: Resource): string {
  const place = apiVersion === 'v1' ? 'api/v1' : `apis/${apiVersion}`;
  return `/${place}/namespaces/${NAMESPACE}/${KINDS[place]?.[kind]}/${metadata.name}`;
}

function group(name: string): object {
  const version = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [version], preferredVersion: version };
}

function resourceList(place: string, kinds: Readonly<Record<string, string>>): object {
  const resources = Object.entries(kinds).map(([kind, name]) => ({ kind, name, namespaced: true, verbs: ['get'] }));
  return { kind: 'APIResourceList', groupVersion: place.replace(/^apis?\//, ''), resources };
}

function configFor(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
}
