import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { learningRateAt, type Schedule } from './schedule.ts';

function rates(schedule: Schedule, steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => learningRateAt(schedule, 1, i + 1));
}

test('linear warms up from 0 to the peak and falls to 0 at the step after the last', () => {
  expect(rates({ kind: 'linear', warmupSteps: 2, totalSteps: 6 }, 8)).toEqual([0, 0.5, 1, 0.75, 0.5, 0.25, 0, 0]);
});

test('cosine falls along half a wave and stays at 0', () => {
  const expected = [0, 1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2, 0, 0];
  const actual = rates({ kind: 'cosine', warmupSteps: 1, totalSteps: 5 }, 7);
  for (const [i, rate] of expected.entries()) expect(actual[i]).toBeCloseTo(rate, 15);
});

test('constant stays at the peak after its warm-up', () => {
  expect(rates({ kind: 'constant', warmupSteps: 2, totalSteps: 3 }, 5)).toEqual([0, 0.5, 1, 1, 1]);
});

test('without a warm-up the first step has the peak', () => {
  for (const kind of ['cosine', 'linear', 'constant'] as const) {
    expect(learningRateAt({ kind, warmupSteps: 0, totalSteps: 9 }, 3e-4, 1)).toBe(3e-4);
  }
});

test('a warm-up as long as the run, or longer, never divides by zero', () => {
  for (const kind of ['cosine', 'linear', 'constant'] as const) {
    expect(rates({ kind, warmupSteps: 2, totalSteps: 2 }, 4).every(Number.isFinite)).toBe(true);
    expect(rates({ kind, warmupSteps: 4, totalSteps: 2 }, 4)).toEqual([0, 0.25, 0.5, 0.75]);
  }
});

test.each([0, -1, 1.5, Number.NaN])('there is no step %d', (step) => {
  const schedule: Schedule = { kind: 'cosine', warmupSteps: 1, totalSteps: 5 };
  expect(() => learningRateAt(schedule, 1, step)).toThrow(expect.objectContaining({ reason: 'STEP_OUT_OF_RANGE' }));
});

describeShared('transformers’ own learning rates', () => {
  test('of every step of the golden runs', () => {
    const folder = sharedPath('golden', 'train') as string;
    const runs = readdirSync(folder).filter((name) => name.endsWith('.json'));
    expect(runs.length).toBeGreaterThan(0);
    for (const run of runs) {
      const { steps, optimizer, log } = JSON.parse(readFileSync(join(folder, run), 'utf8'));
      const schedule: Schedule = { kind: 'cosine', warmupSteps: optimizer.warmup_steps, totalSteps: steps };
      expect(log).toHaveLength(20);
      for (const { step, lr } of log) {
        const rate = learningRateAt(schedule, optimizer.lr, step);
        expect(Math.abs(rate - lr)).toBeLessThanOrEqual(1e-15 * lr);
      }
    }
  });
});
