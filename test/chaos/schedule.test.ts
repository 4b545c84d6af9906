import { ALL_KINDS } from './faults.ts';
import { faultSchedule } from './schedule.ts';

const OPTIONS = { seed: 11, faults: 52, steps: 200, kinds: ALL_KINDS };

test('the same seed gives the same faults, another one others', () => {
  expect(faultSchedule(OPTIONS)).toEqual(faultSchedule(OPTIONS));
  expect(faultSchedule({ ...OPTIONS, seed: 12 })).not.toEqual(faultSchedule(OPTIONS));
});

test('all kinds come equally often', () => {
  const kinds = faultSchedule(OPTIONS).map(({ fault }) => fault.kind);
  for (const kind of ALL_KINDS) expect(kinds.filter((other) => other === kind)).toHaveLength(4);
});

test('faults come in the order of the steps, and leave the first and last ones alone', () => {
  const steps = faultSchedule(OPTIONS).map(({ afterStep }) => afterStep);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect(steps[0]).toBeGreaterThanOrEqual(3);
  expect(steps.at(-1)).toBeLessThan(197);
});

test('more faults than steps are refused', () => {
  expect(() => faultSchedule({ ...OPTIONS, steps: 57 })).toThrow('at least 58 steps');
});
