import { KubernetesWorkloads, kubernetesLease, openKubernetesApi } from '@alphapo/autoscaler/testing';
import { until } from '../e2e/kubectl.ts';
import { hasCluster, TestNamespace } from './namespace.ts';

/** The autoscaler's requests against a real API server. Without KUBECONFIG: skipped. */

const REFERENCES = {
  tokenizer: { kind: 'deployment', name: 'tokenizer' },
  scorer: { kind: 'deployment', name: 'scorer' },
  optimizer: { kind: 'statefulset', name: 'optimizer' },
  sampler: undefined,
} as const;

const inCluster = hasCluster ? describe : describe.skip;

inCluster('workloads of a real cluster', () => {
  let namespace: TestNamespace;
  let workloads: KubernetesWorkloads;

  beforeAll(async () => {
    namespace = await TestNamespace.make();
    const options = { namespace: namespace.name, references: REFERENCES, identity: 'tester' };
    workloads = new KubernetesWorkloads(openKubernetesApi(), options);
  });
  afterAll(() => namespace[Symbol.asyncDispose]());

  test.each(['scorer', 'optimizer'] as const)(
    'the %s is scaled, unless it has changed meanwhile',
    async (component) => {
      const before = await workloads.read(component);
      expect(before).toMatchObject({ replicas: 0, readyReplicas: 0, obstacles: [] });
      await workloads.annotate(component, { 'alphapo.dev/mark': 'here' });
      await expect(workloads.scale(component, 2, before.version)).rejects.toMatchObject({ reason: 'CONFLICT' });
      const marked = await workloads.read(component);
      expect(marked.annotations['alphapo.dev/mark']).toBe('here');
      expect(marked.templateDigest).toBe(before.templateDigest);
      await workloads.scale(component, 1, marked.version).catch(async (error) => {
        // A controller may have written the status between the two.
        expect(error).toMatchObject({ reason: 'CONFLICT' });
        await workloads.scale(component, 1, (await workloads.read(component)).version);
      });
      expect((await workloads.read(component)).replicas).toBe(1);
      await workloads.annotate(component, { 'alphapo.dev/mark': null });
      expect((await workloads.read(component)).annotations).not.toHaveProperty('alphapo.dev/mark');
    },
  );

  test('pods without a node are seen, with the scheduler’s words, and told on the workload', async () => {
    const obstacles = await until('the pod is unschedulable', 60, async () => {
      const found = (await workloads.read('scorer')).obstacles;
      return found.length > 0 ? found : undefined;
    });
    expect(obstacles).toMatchObject([
      { reason: 'Unschedulable', message: expect.stringContaining('alphapo.test/gpu') },
    ]);
    await workloads.report('scorer', { type: 'Warning', reason: 'PodsUnschedulable', message: 'no room' });
    const description = await namespace.kubectl.run('describe', 'deployment', 'scorer');
    expect(description).toMatch(/Warning\s+PodsUnschedulable.*alphapo-autoscaler\s+no room/);
  });

  test('annotations that were decided on an older version are refused', async () => {
    const { version } = await workloads.read('scorer');
    await workloads.annotate('scorer', { 'alphapo.dev/tried': 'first' });
    const second = workloads.annotate('scorer', { 'alphapo.dev/tried': 'second' }, version);
    await expect(second).rejects.toMatchObject({ reason: 'CONFLICT' });
    const { annotations, version: current } = await workloads.read('scorer');
    expect(annotations['alphapo.dev/tried']).toBe('first');
    await workloads.annotate('scorer', { 'alphapo.dev/tried': null }, current);
    expect((await workloads.read('scorer')).annotations['alphapo.dev/tried']).toBeUndefined();
  });

  test('a new template is another digest', async () => {
    const before = await workloads.read('scorer');
    await namespace.kubectl.run('set', 'env', 'deployment/scorer', 'A=B');
    expect((await workloads.read('scorer')).templateDigest).not.toBe(before.templateDigest);
  });

  test('busy pods cost more to delete than others', async () => {
    const { kubectl } = namespace;
    const [pod] = (await kubectl.get('pods', '-l', 'app=scorer')).items;
    const { name } = pod.metadata;
    const address = JSON.stringify({ status: { podIP: '10.1.2.3', podIPs: [{ ip: '10.1.2.3' }] } });
    await kubectl.run('patch', 'pod', name, '--subresource=status', '--type=merge', '-p', address);
    const cost = async () =>
      (await kubectl.get('pod', name)).metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'];
    await workloads.protect('scorer', new Set(['10.1.2.3']));
    expect(await cost()).toBe('1000');
    await workloads.protect('scorer', new Set());
    expect(await cost()).toBeUndefined();
  });

  test('what is not there is named', async () => {
    const references = { ...REFERENCES, scorer: { kind: 'deployment', name: 'nothing' } } as const;
    const options = { namespace: namespace.name, references, identity: 'tester' };
    const others = new KubernetesWorkloads(openKubernetesApi(), options);
    await expect(others.read('scorer')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(`deployment ${namespace.name}/nothing`),
    });
  });

  test('a lease is made once, and replaced by whoever saw its last version', async () => {
    const lease = kubernetesLease(openKubernetesApi(), namespace.name, 'leader');
    expect(await lease.read()).toBeUndefined();
    const now = new Date();
    const record = { holder: 'a', durationMs: 15_000, acquiredAt: now, renewedAt: now, transitions: 0 };
    const made = await lease.write(record, undefined);
    await expect(lease.write(record, undefined)).rejects.toMatchObject({ reason: 'CONFLICT' });
    await lease.write({ ...record, holder: 'b' }, made.version);
    await expect(lease.write(record, made.version)).rejects.toMatchObject({ reason: 'CONFLICT' });
    expect(await lease.read()).toMatchObject({ holder: 'b', durationMs: 15_000, acquiredAt: now });
  });
});
