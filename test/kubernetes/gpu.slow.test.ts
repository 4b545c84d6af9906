import {
  control,
  KubernetesWorkloads,
  Lags,
  observe,
  openKubernetesApi,
  startActivator,
} from '@alphapo/autoscaler/testing';
import { OptimizerServiceDefinition, ScorerServiceDefinition, topicsWithPrefix } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { connect } from '@alphapo/rpc';
import { GPU, GpuNode } from '../e2e/gpu-node.ts';
import { until } from '../e2e/kubectl.ts';
import { silent } from '../integration/services.fixture.ts';
import { hasCluster, TestNamespace } from './namespace.ts';

/** Scorers that want a GPU each, on a node that has one. The node's capacity is made up; pods get a place, and don't run. */

const REFERENCES = {
  tokenizer: { kind: 'deployment', name: 'tokenizer' },
  scorer: { kind: 'deployment', name: 'scorer' },
  optimizer: { kind: 'statefulset', name: 'optimizer' },
  sampler: undefined,
} as const;
const SETTINGS = {
  limits: {
    tokenizer: { min: 0, max: 1 },
    scorer: { min: 0, max: 2 },
    optimizer: { min: 0, max: 1 },
    sampler: { min: 0, max: 0 },
  },
  cooldownMs: 60_000,
  recordsPerTokenizer: 1_000,
  shardsPerScorer: 1,
  callsPerScorer: 1,
  callsPerSampler: 1,
};
const SCORE = { items: [], policy: undefined, perToken: false, objective: undefined, batch: undefined };

const inCluster = hasCluster ? test : test.skip;

inCluster(
  'one scorer gets the only GPU; that the other one finds none is told on the Deployment and to the caller',
  async () => {
    await using namespace = await TestNamespace.make();
    const { kubectl } = namespace;
    const container = { name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { limits: { [GPU]: 1 } } };
    const spec = { template: { spec: { containers: [container] } } };
    await kubectl.run('patch', 'deployment', 'scorer', '--type=merge', '-p', JSON.stringify({ spec }));
    await using node = await GpuNode.choose(kubectl);
    await node.offer(1);

    const options = { namespace: namespace.name, references: REFERENCES, identity: 'tester' };
    const workloads = new KubernetesWorkloads(openKubernetesApi(), options);
    await using log = openEmbeddedEventLog({ path: ':memory:' });
    await using lags = new Lags(async () => log, silent);
    using optimizer = connect(OptimizerServiceDefinition, '127.0.0.1:1');
    const observer = { workloads, lags, topics: topicsWithPrefix(), optimizer, logger: silent };
    const stop = new AbortController();
    const leadership = { signal: stop.signal, assertHeld: () => {} };
    const looking = { observe: () => observe(observer), workloads, settings: SETTINGS, pollMs: 500, logger: silent };
    const controlling = control(looking, leadership);
    await using front = await startActivator(
      {
        address: '127.0.0.1:0',
        security: undefined,
        scorers: 'scorer-pods.invalid:50052',
        held: { calls: 8, bytes: 4_096 },
        waitMs: 30_000,
        pod: 'tester',
      },
      workloads,
      silent,
    );
    using connection = connect(ScorerServiceDefinition, front.address);
    const calls = [1, 2].map(() => connection.score(SCORE, { timeoutMs: 60_000 }).catch((error: Error) => error));
    await namespace.replicas('deployment/scorer', 2);
    const placed = await until('one pod has a node and one has none', 60, async () => {
      const { items } = await kubectl.get('pods', '-l', 'app=scorer');
      const nodes = items.map((pod: { spec: { nodeName?: string } }) => pod.spec.nodeName !== undefined);
      return nodes.length === 2 && nodes.includes(true) ? nodes : undefined;
    });
    expect(placed.toSorted()).toEqual([false, true]);
    const told = await until('it is told on the Deployment', 60, async () => {
      const text = await kubectl.run('describe', 'deployment', 'scorer');
      return text.includes('PodsUnschedulable') ? text : undefined;
    });
    expect(told).toMatch(/PodsUnschedulable.*Insufficient nvidia.com\/gpu/);
    expect(told).toMatch(/ScaledByAutoscaler.*from 1 to 2: score-calls/);
    for (const answer of await Promise.all(calls)) {
      expect(answer).toMatchObject({
        reason: 'NO_SCORER_READY',
        message: expect.stringContaining(`Insufficient ${GPU}`),
      });
    }
    stop.abort();
    await controlling;
  },
  180_000,
);
