import { parseArgs } from 'node:util';
import { Cluster } from './cluster.ts';
import { expectIn } from './expect-that.ts';
import { GPU, GpuNode } from './gpu-node.ts';
import { buildAlphapoImage, IMAGE, loadImage, TAG } from './images.ts';
import { until } from './kubectl.ts';
import { MODEL_CLAIM, NAME, upgrade } from './release.ts';
import { Times } from './times.ts';

/** Where pods of the chart with values-gpu.yaml are placed. Nothing is computed: the node's GPUs are made up. */

const HELP = `Placing of GPU scorers: a node of the cluster is tainted as GPU nodes are. Without GPUs the scorers wait, and it is told
why; with GPUs they are placed; a pod without the toleration is not. Taint and GPUs are gone at the end. Needs kubectl and helm
on the PATH, KUBECONFIG, the rights of an administrator, and the image of "npm run e2e" in the cluster.

  --build           build that image and bring it there (E2E_LOAD_IMAGE)
  --namespace NAME  made for the trial and removed after it (default: alphapo-e2e-gpu)`;

const SCORERS = 2;
const SECONDS = 90;
const IMAGE_OF_TRIAL = { repository: IMAGE, tag: TAG, pullPolicy: 'Never' };
const TOLERATIONS = [{ key: GPU, operator: 'Exists', effect: 'NoSchedule' }];
const SMALL = { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } };

const { values } = parseArgs({
  options: {
    build: { type: 'boolean', default: false },
    namespace: { type: 'string', default: 'alphapo-e2e-gpu' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else await trial(values.namespace, values.build);

async function trial(namespace: string, build: boolean): Promise<void> {
  const times = new Times();
  if (build) {
    await times.of('image built', buildAlphapoImage);
    await times.of('image loaded', () => loadImage(`${IMAGE}:${TAG}`));
  }
  const cluster = new Cluster(namespace);
  await using owned = new AsyncDisposableStack();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void owned.disposeAsync().finally(() => process.exit(1)));
  }
  owned.defer(() => cluster.removeNamespace());
  await cluster.makeNamespace();
  cluster.claimModel();
  const node = owned.use(await GpuNode.choose(cluster.kubectl));
  await node.taint();
  times.mark(`node ${node.name} is tainted, and has no GPU`);
  upgrade(namespace, ['values-gpu.yaml'], valuesFor(node));
  times.mark('chart installed with values-gpu.yaml');

  const told = await until('the autoscaler says on the Deployment why scorers wait', SECONDS, async () => {
    const text = await cluster.kubectl.run('describe', 'deployment', `${NAME}-scorer`);
    return /PodsUnschedulable.*/.exec(text)?.[0];
  });
  expectIn(told, `Insufficient ${GPU}`);
  for (const message of await unplaced(cluster, 'scorer', SCORERS)) expectIn(message, `Insufficient ${GPU}`);
  times.mark(`without a GPU: ${told.replace(/\s+/g, ' ')}`);

  await node.offer(SCORERS);
  await until('all scorers have a place', SECONDS, async () => {
    const nodes = (await podsOf(cluster, 'scorer')).flatMap(({ spec }) => spec.nodeName ?? []);
    return nodes.length === SCORERS && nodes.every((name) => name === node.name) ? nodes : undefined;
  });
  times.mark(`with ${SCORERS} GPUs: all scorers are placed on the node`);
  const [message] = await unplaced(cluster, 'tokenizer', 1);
  expectIn(message, 'untolerated taint');
  times.mark(`a tokenizer, which has no toleration: ${message}`);
  console.log('\npassed');
}

/** Whoever must run although the only node may be the tainted one tolerates the taint; scorers by values-gpu.yaml itself. */
function valuesFor(node: GpuNode): object {
  const placed = { nodeSelector: node.selector, resources: SMALL };
  return {
    image: IMAGE_OF_TRIAL,
    policy: { steps: 1 },
    model: { existingClaim: { name: MODEL_CLAIM } },
    // Nobody is there: what the autoscaler does without Kafka is to leave the minimum alone.
    kafka: { brokers: ['kafka.invalid:9092'] },
    topics: { create: false },
    autoscaling: { pollSeconds: 1, scorer: { minReplicas: SCORERS }, tokenizer: { minReplicas: 1 } },
    scorer: { ...placed, image: IMAGE_OF_TRIAL },
    tokenizer: placed,
    autoscaler: { replicas: 1, tolerations: TOLERATIONS, resources: SMALL },
    // The claim is empty.
    hooks: { tolerations: TOLERATIONS, validateModel: false },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: single fields of pods are looked at
async function podsOf({ kubectl }: Cluster, component: string): Promise<any[]> {
  return (await kubectl.get('pods', '-l', `app.kubernetes.io/component=${component}`)).items;
}

/** What the scheduler says of a component's pods, all of which wait for a place. */
function unplaced(cluster: Cluster, component: string, count: number): Promise<string[]> {
  return until(`${count} pods of ${component} wait for a place`, SECONDS, async () => {
    const messages = (await podsOf(cluster, component)).flatMap(({ status }) => {
      const placing = (status.conditions ?? []).filter(({ type }: { type: string }) => type === 'PodScheduled');
      return placing.filter(({ reason }: { reason?: string }) => reason === 'Unschedulable');
    });
    return messages.length === count ? messages.map(({ message }) => message) : undefined;
  });
}
