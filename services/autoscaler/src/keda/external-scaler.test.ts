import { keda } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { Waker } from '../activator/waker.ts';
import { MemoryWorkloads } from '../cluster.fixture.ts';
import { AnnotatedWorkloads } from './annotated-workloads.ts';
import { startExternalScaler } from './external-scaler.ts';

const silent = createLogger({ service: 'test', level: 'silent' });
const CALL = { timeoutMs: 5_000 };

async function place() {
  await using opened = new AsyncDisposableStack();
  const cluster = new MemoryWorkloads();
  const workloads = new AnnotatedWorkloads(cluster);
  const server = opened.use(await startExternalScaler('127.0.0.1:0', workloads, silent));
  const client = opened.use(connect(keda.ExternalScalerDefinition, server.address));
  const objectFor = (component: string) => ({
    name: `run-${component}`,
    namespace: 'here',
    scalerMetadata: { scalerAddress: server.address, component },
  });
  const owned = opened.move();
  return {
    cluster,
    workloads,
    /** What KEDA learns of a component in one round. */
    async ask(component: string) {
      const scaledObjectRef = objectFor(component);
      const { metricSpecs } = await client.getMetricSpec(scaledObjectRef, CALL);
      const metricName = metricSpecs[0]?.metricName ?? '';
      const { metricValues } = await client.getMetrics({ scaledObjectRef, metricName }, CALL);
      const { result } = await client.isActive(scaledObjectRef, CALL);
      const pods = (metricValues[0]?.metricValueFloat ?? Number.NaN) / (metricSpecs[0]?.targetSizeFloat ?? Number.NaN);
      return { active: result, pods };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('KEDA learns how many pods were asked for, and nobody else scales', async () => {
  await using run = await place();
  const { cluster, workloads, ask } = run;
  expect(await ask('scorer')).toEqual({ active: false, pods: 0 });
  await workloads.scale('scorer', 3, (await workloads.read('scorer')).version);
  expect(await ask('scorer')).toEqual({ active: true, pods: 3 });
  expect((await workloads.read('scorer')).replicas).toBe(3);
  expect(await ask('tokenizer')).toEqual({ active: false, pods: 0 });
  expect(cluster.scalings).toEqual([]);
  expect(cluster.state('scorer').replicas).toBe(0);
});

test('before anything was decided, what there is stays', async () => {
  await using run = await place();
  run.cluster.change('optimizer', { replicas: 1 });
  expect(await run.ask('optimizer')).toEqual({ active: true, pods: 1 });
});

test('a call that comes at zero makes it active', async () => {
  await using run = await place();
  const waker = new Waker(run.workloads, 'scorer', { pod: 'a', logger: silent });
  await waker.wake();
  expect(await run.ask('scorer')).toEqual({ active: true, pods: 1 });
});

test('what was decided on an older version is not noted', async () => {
  await using run = await place();
  const { version } = await run.workloads.read('scorer');
  await run.workloads.annotate('scorer', { other: 'change' });
  await expect(run.workloads.scale('scorer', 2, version)).rejects.toMatchObject({ reason: 'CONFLICT' });
  expect(await run.ask('scorer')).toEqual({ active: false, pods: 0 });
});

test('an API server that is away is an error, not zero', async () => {
  await using run = await place();
  run.cluster.failure = new Error('away');
  await expect(run.ask('scorer')).rejects.toThrow();
});

test.each(['', 'many', '-1', '1.5'])('an annotation %j is none: what there is stays', async (value) => {
  await using run = await place();
  run.cluster.change('scorer', { replicas: 2, annotations: { 'alphapo.dev/desired-replicas': value } });
  expect(await run.ask('scorer')).toEqual({ active: true, pods: 2 });
});

test('where KEDA does not scale from zero, that is told as an obstacle after a while, until it does', async () => {
  const cluster = new MemoryWorkloads();
  const obstacles = async (workloads: AnnotatedWorkloads) =>
    (await workloads.read('scorer')).obstacles.map(({ reason }) => reason);
  const patient = new AnnotatedWorkloads(cluster, 60_000);
  const impatient = new AnnotatedWorkloads(cluster, 0);
  expect(await obstacles(impatient)).toEqual([]);
  await impatient.scale('scorer', 1, cluster.state('scorer').version);
  expect(await obstacles(impatient)).toEqual(['NotScaledByKeda']);
  expect(await obstacles(patient)).toEqual([]);
  cluster.change('scorer', { replicas: 1 });
  expect(await obstacles(impatient)).toEqual([]);
});

test('a component that there is none of is refused by its name', async () => {
  await using run = await place();
  await expect(run.ask('kafka')).rejects.toMatchObject({
    code: 'invalid-argument',
    reason: 'UNKNOWN_COMPONENT',
    message: expect.stringContaining('here/run-kafka has the component "kafka"'),
  });
});
