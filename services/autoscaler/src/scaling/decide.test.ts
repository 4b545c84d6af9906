import type { RunStateName } from '@alphapo/contracts';
import fc from 'fast-check';
import { COMPONENTS, perComponent } from '../workloads.ts';
import { decide, type History, type Observation, type ScalingSettings } from './decide.ts';

const SETTINGS: ScalingSettings = {
  limits: {
    tokenizer: { min: 0, max: 3 },
    scorer: { min: 0, max: 4 },
    optimizer: { min: 0, max: 1 },
    sampler: { min: 0, max: 2 },
  },
  cooldownMs: 300_000,
  recordsPerTokenizer: 1_000,
  shardsPerScorer: 1,
  callsPerScorer: 8,
  callsPerSampler: 16,
};

const IDLE: Observation = {
  nowMs: 1_000_000,
  replicas: perComponent(() => 0),
  preferences: { records: 0, partitions: 0 },
  batches: { records: 0, partitions: 0 },
  optimizer: undefined,
  runEnded: false,
  scoreCalls: 0,
  generateCalls: 0,
  policyWanted: false,
};

const seen = (change: Partial<Observation>): Observation => ({ ...IDLE, ...change });
const training = (pendingShards: number, state: RunStateName = 'training') => ({ state, pendingShards });
/** Decides on the observations one after the other, ten seconds apart, pods following at once; returns the last targets. */
function after(observations: readonly Partial<Observation>[], everyMs = 10_000, settings = SETTINGS) {
  let history: History | undefined;
  let replicas = IDLE.replicas;
  let nowMs = IDLE.nowMs;
  let targets = decide(IDLE, undefined, settings).targets;
  for (const observation of observations) {
    ({ targets, history } = decide(seen({ ...observation, nowMs, replicas }), history, settings));
    const decided = targets;
    replicas = perComponent((component) => decided[component].replicas);
    nowMs += everyMs;
  }
  return targets;
}

test('without work there is nothing', () => {
  expect(after([{}])).toEqual(perComponent(() => ({ replicas: 0, reason: 'idle' })));
});

test('preferences start a tokenizer and the optimizer at once, and no scorer yet', () => {
  expect(after([{ preferences: { records: 1, partitions: 1 } }])).toEqual({
    tokenizer: { replicas: 1, reason: 'preferences-lag' },
    optimizer: { replicas: 1, reason: 'preferences-lag' },
    scorer: { replicas: 0, reason: 'idle' },
    sampler: { replicas: 0, reason: 'idle' },
  });
});

test.each([
  [2_500, 8, 3, 'by the records'],
  [2_500, 2, 2, 'no more than partitions that have records'],
  [50_000, 8, 3, 'no more than the maximum'],
])('%i records in %i partitions make %i tokenizers: %s', (records, partitions, expected) => {
  expect(after([{ preferences: { records, partitions } }]).tokenizer.replicas).toBe(expected);
});

test('batches start the optimizer, and the first scorer with it', () => {
  const targets = after([{ batches: { records: 3, partitions: 1 } }]);
  expect(targets.optimizer).toEqual({ replicas: 1, reason: 'batches-lag' });
  expect(targets.scorer).toEqual({ replicas: 1, reason: 'batches-lag' });
});

test('a step has a scorer per shard, up to the maximum', () => {
  expect(after([{ optimizer: training(3) }]).scorer).toEqual({ replicas: 3, reason: 'pending-shards' });
  expect(after([{ optimizer: training(9) }]).scorer).toEqual({ replicas: 4, reason: 'maximum' });
});

test('scorers stay through the moments between steps, and go one cooldown after the last need', () => {
  const steps = [{ optimizer: training(3) }, { optimizer: training(1) }, { optimizer: training(0) }];
  expect(after(steps).scorer).toEqual({ replicas: 3, reason: 'cooldown' });
  const idle = { optimizer: training(0, 'waiting-for-batches') } as const;
  const untilCooldown = [...steps, ...Array(27).fill(idle)];
  expect(after(untilCooldown).scorer.replicas).toBe(3);
  expect(after([...untilCooldown, idle, idle, idle]).scorer).toEqual({ replicas: 0, reason: 'idle' });
});

test('a step that is longer than the cooldown keeps as many scorers as have a shard', () => {
  const settings = { ...SETTINGS, shardsPerScorer: 4 };
  const long = [{ scoreCalls: 30 }, ...Array(40).fill({ optimizer: training(3) })];
  expect(after(long, 10_000, settings).scorer).toEqual({ replicas: 3, reason: 'step-running' });
});

test('a leader that has just begun takes nothing away before a cooldown', () => {
  const replicas = { tokenizer: 2, scorer: 4, optimizer: 1, sampler: 2 };
  const { targets } = decide(seen({ replicas }), undefined, SETTINGS);
  expect(targets).toEqual(perComponent((component) => ({ replicas: replicas[component], reason: 'cooldown' })));
});

test('a run that has ended needs nothing, whatever is left in its topics, but scores', () => {
  const left = { preferences: { records: 5, partitions: 1 }, batches: { records: 5, partitions: 1 }, runEnded: true };
  expect(after([left])).toEqual(perComponent(() => ({ replicas: 0, reason: 'run-ended' })));
  expect(after([{ ...left, scoreCalls: 1 }]).scorer).toEqual({ replicas: 1, reason: 'score-calls' });
});

test('a paused or failed run keeps its optimizer, which says so, and no scorers', () => {
  for (const state of ['paused', 'failed'] as const) {
    const targets = after([{ optimizer: training(0, state), batches: { records: 9, partitions: 1 } }]);
    expect(targets.optimizer).toEqual({ replicas: 1, reason: `run-${state}` });
    expect(targets.scorer.replicas).toBe(0);
  }
});

test('scores under a policy need the optimizer too', () => {
  const targets = after([{ scoreCalls: 9, policyWanted: true }]);
  expect(targets.scorer).toEqual({ replicas: 2, reason: 'score-calls' });
  expect(targets.optimizer).toEqual({ replicas: 1, reason: 'policy-wanted' });
});

test('samplers are there for calls only, whatever the run does, and go one cooldown after the last one', () => {
  expect(after([{ batches: { records: 3, partitions: 1 }, optimizer: training(3) }]).sampler.replicas).toBe(0);
  const call = { generateCalls: 1, runEnded: true };
  expect(after([call]).sampler).toEqual({ replicas: 1, reason: 'generate-calls' });
  expect(after([{ generateCalls: 17 }]).sampler).toEqual({ replicas: 2, reason: 'generate-calls' });
  expect(after([{ generateCalls: 99 }]).sampler).toEqual({ replicas: 2, reason: 'maximum' });
  const quiet = Array(29).fill({ runEnded: true });
  expect(after([call, ...quiet]).sampler).toEqual({ replicas: 1, reason: 'cooldown' });
  expect(after([call, ...quiet, ...quiet]).sampler).toEqual({ replicas: 0, reason: 'run-ended' });
});

test('while the log does not answer, what there is stays', () => {
  const replicas = { tokenizer: 2, scorer: 3, optimizer: 1, sampler: 0 };
  let history: History | undefined;
  for (let hour = 0; hour < 3; hour++) {
    const unknown = { nowMs: hour * 3_600_000, replicas, preferences: undefined, batches: undefined };
    const decision = decide(seen(unknown), history, SETTINGS);
    for (const component of ['tokenizer', 'scorer', 'optimizer'] as const) {
      expect(decision.targets[component]).toEqual({ replicas: replicas[component], reason: 'lag-unknown' });
    }
    history = decision.history;
  }
});

const STATES: readonly RunStateName[] = [
  'starting',
  'waiting-for-batches',
  'waiting-for-scorers',
  'training',
  'paused',
  'finished',
  'failed',
];
const count = fc.nat({ max: 12 });
const lag = fc.option(fc.record({ records: fc.nat({ max: 9_000 }), partitions: count }), { nil: undefined });
const anything = fc.record({
  preferences: lag,
  batches: lag,
  optimizer: fc.option(fc.record({ state: fc.constantFrom(...STATES), pendingShards: count }), { nil: undefined }),
  runEnded: fc.boolean(),
  scoreCalls: fc.nat({ max: 60 }),
  generateCalls: fc.nat({ max: 60 }),
  policyWanted: fc.boolean(),
  replicas: fc.record({ tokenizer: count, scorer: count, optimizer: fc.nat({ max: 1 }), sampler: count }),
  elapsedMs: fc.nat({ max: 400_000 }),
});

test('whatever is seen: limits hold, needs are met at once, and nothing that was needed within the cooldown goes', () => {
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 20 }), (observations) => {
      let history: History | undefined;
      let nowMs = 0;
      for (const { elapsedMs, ...observation } of observations) {
        nowMs += elapsedMs;
        const now = { ...observation, nowMs };
        const { targets, history: next } = decide(now, history, SETTINGS);
        for (const component of COMPONENTS) {
          const { min, max } = SETTINGS.limits[component];
          const { replicas } = targets[component];
          const current = now.replicas[component];
          const needed = next[component].at(-1)?.replicas ?? 0;
          expect(replicas).toBeGreaterThanOrEqual(Math.max(min, Math.min(needed, max)));
          expect(replicas).toBeLessThanOrEqual(max);
          const remembered = (history?.[component] ?? []).filter(({ atMs }) => nowMs - atMs < SETTINGS.cooldownMs);
          for (const past of remembered) {
            expect(replicas).toBeGreaterThanOrEqual(Math.min(current, past.replicas, max));
          }
        }
        const shards = now.optimizer?.pendingShards ?? 0;
        const inUse = Math.min(now.replicas.scorer, shards, SETTINGS.limits.scorer.max);
        expect(targets.scorer.replicas).toBeGreaterThanOrEqual(inUse);
        history = next;
      }
    }),
  );
});

test('the same observation again and again comes to rest', () => {
  fc.assert(
    fc.property(anything, ({ elapsedMs: _, ...observation }) => {
      const known = { ...observation, preferences: observation.preferences ?? { records: 0, partitions: 0 } };
      const steady = { ...known, batches: known.batches ?? { records: 0, partitions: 0 } };
      const settled = after(Array(40).fill(steady));
      expect(after(Array(41).fill(steady))).toEqual(settled);
    }),
  );
});
