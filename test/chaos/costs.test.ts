import { costsOf } from './costs.ts';
import type { InflictedFault } from './inflict.ts';

const inflicted = (number: number, at: number, over: number): InflictedFault => ({
  number,
  at,
  over,
  afterStep: 1,
  atStep: 1,
  delayMs: 0,
  fault: { kind: 'kill', target: 'optimizer' },
  happened: true,
  note: '',
});

/** Steps of 10 ms, one of 100 ms between 1020 and 1120, one of 60 ms at the end. */
const STEPS = [1000, 1010, 1020, 1120, 1130, 1140, 1200];

test('what a step takes beyond the typical time is lost to the fault in effect', () => {
  const { trainingMs, typicalStepMs, faults, otherMs } = costsOf([inflicted(1, 1025, 1025)], STEPS);
  expect({ trainingMs, typicalStepMs, otherMs }).toEqual({ trainingMs: 200, typicalStepMs: 10, otherMs: 50 });
  expect(faults).toMatchObject([{ atMs: 25, recoveryMs: 95, lostMs: 90 }]);
});

test('faults that are in effect at the same time share what is lost', () => {
  const { faults } = costsOf([inflicted(2, 1030, 1150), inflicted(1, 1025, 1025)], STEPS);
  expect(faults).toMatchObject([
    { number: 1, lostMs: 45 },
    { number: 2, lostMs: 95 },
  ]);
});

test('a fault after the last step costs nothing, and nothing is known of its recovery', () => {
  const { faults } = costsOf([inflicted(1, 1205, 1205)], STEPS);
  expect(faults).toMatchObject([{ recoveryMs: undefined, lostMs: 0 }]);
});
