import type { Cluster } from './cluster.ts';
import type { Kubectl } from './kubectl.ts';

/** What each pod may do, and what not. */

type Right = readonly [verb: string, resource: string, name?: string];

const CONNECT_TIMEOUT_MS = 4_000;

/**
 * The autoscaler's token can do what its role needs, and nothing else: where KEDA scales, it cannot. The others have no token at all.
 * Throws otherwise.
 */
export async function checkRights(kubectl: Kubectl, name: string, autoscaling: 'builtin' | 'keda'): Promise<void> {
  const scaling: Right[] = [
    ['patch', 'deployments.apps/scale', `${name}-scorer`],
    ['patch', 'deployments.apps/scale', `${name}-tokenizer`],
    ['patch', 'deployments.apps/scale', `${name}-sampler`],
    ['patch', 'statefulsets.apps/scale', `${name}-optimizer`],
  ];
  const allowed: Right[] = [
    ...(autoscaling === 'builtin' ? scaling : []),
    ['get', 'deployments.apps', `${name}-scorer`],
    ['list', 'pods'],
    ['create', 'events'],
    ['create', 'leases.coordination.k8s.io'],
    ['update', 'leases.coordination.k8s.io', `${name}-autoscaler`],
  ];
  const denied: Right[] = [
    ...(autoscaling === 'keda' ? scaling : []),
    ['get', 'secrets'],
    ['list', 'configmaps'],
    ['delete', 'pods'],
    ['create', 'pods'],
    ['list', 'deployments.apps'],
    ['patch', 'deployments.apps', 'another'],
    ['patch', 'deployments.apps/scale', 'another'],
    ['patch', 'statefulsets.apps/scale', 'another'],
    ['update', 'leases.coordination.k8s.io', 'another'],
    ['create', 'roles.rbac.authorization.k8s.io'],
  ];
  for (const [rights, expected] of [
    [allowed, 'yes'],
    [denied, 'no'],
  ] as const) {
    for (const right of rights) await expectRight(kubectl, `${name}-autoscaler`, right, expected);
  }
  for (const component of ['tokenizer', 'scorer', 'optimizer', 'sampler']) {
    await expectRight(kubectl, `${name}-${component}`, ['get', 'pods'], 'no');
  }
}

async function expectRight(kubectl: Kubectl, account: string, right: Right, expected: 'yes' | 'no'): Promise<void> {
  const [verb, resource, instance] = right;
  const [kind, subresource] = resource.split('/');
  const what = instance === undefined ? `${kind}` : `${kind}/${instance}`;
  const options = subresource === undefined ? [] : [`--subresource=${subresource}`];
  const as = `--as=system:serviceaccount:${kubectl.namespace}:${account}`;
  // kubectl's exit code is 1 where the answer is no.
  const answer = await kubectl
    .run('auth', 'can-i', verb, what, ...options, as)
    .catch((error: { stdout?: string }) => error.stdout ?? '');
  if (answer.trim() !== expected) {
    throw new Error(`${account} ${verb} ${resource} ${instance ?? ''}: "${answer.trim()}", expected ${expected}`);
  }
}

/** A pod with the clients' label reaches a Service and one without does not. Throws otherwise. */
export async function checkTraffic(cluster: Cluster, service: string, port: number): Promise<void> {
  const connect = `require('net').connect(${port},'${service}').on('connect',()=>{console.log('open');process.exit(0)}).on('error',()=>{console.log('closed');process.exit(0)});setTimeout(()=>{console.log('closed');process.exit(0)},${CONNECT_TIMEOUT_MS})`;
  const ask = (pod: string, labels: Readonly<Record<string, string>>) =>
    cluster.kubectl.runPod({ name: pod, image: cluster.image, command: ['node', '-e', connect], args: [], labels });
  const [client, stranger] = [await ask('client', cluster.clientLabels), await ask('stranger', {})];
  if (!client.includes('open')) throw new Error(`a client does not reach ${service}: ${client}`);
  if (!stranger.includes('closed')) throw new Error(`a pod without the clients’ label reaches ${service}: ${stranger}`);
}
