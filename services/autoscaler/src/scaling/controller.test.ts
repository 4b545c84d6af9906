import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import { createLogger } from '@alphapo/telemetry';
import { MemoryWorkloads } from '../cluster.fixture.ts';
import { AnnotatedWorkloads } from '../keda/annotated-workloads.ts';
import { type Component, perComponent, type WorkloadState } from '../workloads.ts';
import { control } from './controller.ts';
import type { Observation, ScalingSettings } from './decide.ts';
import type { ClusterSnapshot } from './observer.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const SETTINGS: ScalingSettings = {
  limits: {
    tokenizer: { min: 0, max: 1 },
    scorer: { min: 0, max: 4 },
    optimizer: { min: 0, max: 1 },
    sampler: { min: 0, max: 0 },
  },
  cooldownMs: 200,
  recordsPerTokenizer: 1_000,
  shardsPerScorer: 1,
  callsPerScorer: 8,
  callsPerSampler: 8,
};
const NOTHING = {
  preferences: { records: 0, partitions: 0 },
  batches: { records: 0, partitions: 0 },
  optimizer: undefined,
  runEnded: false,
  scoreCalls: 0,
  generateCalls: 0,
  policyWanted: false,
} as const;

/** A controller over workloads in memory, whose sight a test decides. */
function running(options: { readonly afterLook?: () => void; readonly byKeda?: boolean } = {}) {
  const workloads = new MemoryWorkloads();
  const scaled = options.byKeda ? new AnnotatedWorkloads(workloads) : workloads;
  const stop = new AbortController();
  const scene: { seen: Partial<Observation>; held: boolean; busy: string[]; message: string } = {
    seen: {},
    held: true,
    busy: [],
    message: '',
  };
  const observe = async (): Promise<ClusterSnapshot> => {
    const read = async (component: Component) => scaled.read(component);
    const states = {
      tokenizer: await read('tokenizer'),
      scorer: await read('scorer'),
      optimizer: await read('optimizer'),
      sampler: await read('sampler'),
    };
    options.afterLook?.();
    const replicas = perComponent((component) => states[component].replicas);
    return {
      states,
      busyScorers: new Set(scene.busy),
      optimizerMessage: scene.message,
      observation: { ...NOTHING, ...scene.seen, replicas, nowMs: performance.now() },
    };
  };
  const leadership = {
    signal: stop.signal,
    assertHeld() {
      if (!scene.held) throw new AlphapoError('aborted', 'NOT_LEADING', 'lost');
    },
  };
  const done = control({ observe, workloads: scaled, settings: SETTINGS, pollMs: 10, logger }, leadership);
  return {
    workloads,
    scene,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come to hold');
    await sleep(5);
  }
}

const idle = (state: WorkloadState) => state.replicas === 0;

test('pods come with the work and go after it; each change is told with its reason', async () => {
  await using controller = running();
  const { workloads, scene } = controller;
  scene.seen = { batches: { records: 4, partitions: 1 }, optimizer: { state: 'training', pendingShards: 3 } };
  await until(() => workloads.state('scorer').replicas === 3);
  scene.seen = {};
  await until(() => idle(workloads.state('scorer')) && idle(workloads.state('optimizer')));
  expect(workloads.scalings.filter(({ component }) => component === 'scorer').map(({ replicas }) => replicas)).toEqual([
    3, 0,
  ]);
  expect(workloads.events.filter(({ component }) => component === 'scorer')).toMatchObject([
    { type: 'Normal', reason: 'ScaledByAutoscaler', message: 'from 0 to 3: pending-shards' },
    { message: 'from 3 to 0: idle' },
  ]);
});

test('when some scorers go, those with a shard are the last ones', async () => {
  await using controller = running();
  const { workloads, scene } = controller;
  workloads.change('scorer', { replicas: 4 });
  scene.busy = ['10.0.0.7'];
  scene.seen = { optimizer: { state: 'training', pendingShards: 1 } };
  await until(() => workloads.state('scorer').replicas === 1);
  expect(workloads.protections).toEqual([new Set(['10.0.0.7'])]);
});

describe('where KEDA scales', () => {
  const desired = ({ annotations }: WorkloadState) => annotations['alphapo.dev/desired-replicas'];

  test('nothing is scaled: what is desired is noted, within the limits', async () => {
    await using controller = running({ byKeda: true });
    const { workloads, scene } = controller;
    scene.seen = { optimizer: { state: 'training', pendingShards: 9 } };
    await until(() => desired(workloads.state('scorer')) === '4');
    expect(workloads.state('scorer').current).toBe(0);
    scene.seen = {};
    await until(() => desired(workloads.state('scorer')) === '0');
    expect(workloads.scalings).toEqual([]);
  });

  test('what there is when it takes over stays for a cooldown, and what was once desired does not count', async () => {
    await using controller = running({ byKeda: true });
    const { workloads } = controller;
    workloads.change('scorer', { replicas: 2, annotations: { 'alphapo.dev/desired-replicas': '' } });
    await sleep(SETTINGS.cooldownMs / 2);
    expect(desired(workloads.state('scorer'))).toBe('');
    await until(() => desired(workloads.state('scorer')) === '0');
  });

  test('scorers with a shard are the last to go for as long as KEDA has not scaled', async () => {
    await using controller = running({ byKeda: true });
    const { workloads, scene } = controller;
    workloads.change('scorer', { replicas: 4 });
    scene.busy = ['10.0.0.7'];
    scene.seen = { optimizer: { state: 'training', pendingShards: 1 } };
    await until(() => desired(workloads.state('scorer')) === '1');
    scene.busy = ['10.0.0.8'];
    await until(() => workloads.protections.some((busy) => busy.has('10.0.0.8')));
    workloads.change('scorer', { replicas: 1 });
    await sleep(50);
    const before = workloads.protections.length;
    await sleep(50);
    expect(workloads.protections).toHaveLength(before);
  });
});

test('an API server that does not answer is outlived', async () => {
  await using controller = running();
  const { workloads, scene } = controller;
  workloads.failure = new AlphapoError('unavailable', 'API_UNAVAILABLE', 'no route');
  scene.seen = { scoreCalls: 1 };
  await sleep(100);
  expect(workloads.scalings).toEqual([]);
  workloads.failure = undefined;
  await until(() => workloads.state('scorer').replicas === 1);
});

test('what changed since it was looked at is looked at again before anything is taken away', async () => {
  let touch = false;
  const { workloads, scene, ...controller } = running({
    afterLook: () => {
      // A call wakes the scorers between every look and what follows from it.
      if (touch) workloads.change('scorer', { annotations: { touched: `${Math.random()}` } });
    },
  });
  workloads.change('scorer', { replicas: 2 });
  touch = true;
  await sleep(3 * SETTINGS.cooldownMs);
  expect(workloads.state('scorer').replicas).toBe(2);
  touch = false;
  await until(() => idle(workloads.state('scorer')));
  expect(scene.held).toBe(true);
  await controller[Symbol.asyncDispose]();
});

test('one that does not lead any more changes nothing', async () => {
  await using controller = running();
  const { workloads, scene } = controller;
  scene.held = false;
  scene.seen = { scoreCalls: 9 };
  await sleep(100);
  expect(workloads.scalings).toEqual([]);
});

test('pods that find no place are told on the workload, once', async () => {
  await using controller = running();
  const { workloads } = controller;
  const message = '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.';
  const obstacles = [1, 2].map((n) => ({ name: `scorer-${n}`, reason: 'Unschedulable', message }));
  workloads.change('scorer', { replicas: 2, obstacles });
  await until(() => workloads.events.some(({ type }) => type === 'Warning'));
  await sleep(50);
  expect(workloads.events.filter(({ type }) => type === 'Warning')).toEqual([
    {
      component: 'scorer',
      type: 'Warning',
      reason: 'PodsUnschedulable',
      message: `2 pods cannot run; for example scorer-1: ${message}`,
    },
  ]);
});

test('the end of a run is noted for when nobody can be asked, unless it is of pods that are being replaced', async () => {
  await using controller = running();
  const { workloads, scene } = controller;
  workloads.change('optimizer', { replicas: 1, readyReplicas: 1, isUpToDate: false, templateDigest: 'second' });
  scene.seen = { optimizer: { state: 'finished', pendingShards: 0 }, runEnded: true };
  await sleep(50);
  expect(workloads.state('optimizer').annotations).toEqual({});
  workloads.change('optimizer', { isUpToDate: true });
  await until(() => workloads.state('optimizer').annotations['alphapo.dev/run-ended'] === 'second');
  scene.seen = { optimizer: { state: 'waiting-for-batches', pendingShards: 0 } };
  await until(() => workloads.state('optimizer').annotations['alphapo.dev/run-ended'] === undefined);
});

test.each([
  ['', { type: 'Normal', reason: 'RunEnded', message: 'all steps of the run are taken' }],
  [
    'the data ended at step 20 of 60',
    { type: 'Warning', reason: 'RunEndedEarly', message: 'the data ended at step 20 of 60' },
  ],
])('the end of a run is told once, with why it came early: %j', async (message, expected) => {
  await using controller = running();
  const { workloads, scene } = controller;
  scene.message = message;
  scene.seen = { optimizer: { state: 'finished', pendingShards: 0 }, runEnded: true };
  const told = () => workloads.events.filter(({ reason }) => reason.startsWith('RunEnded'));
  await until(() => told().length > 0);
  await sleep(100);
  expect(told()).toEqual([{ component: 'optimizer', ...expected }]);
});
