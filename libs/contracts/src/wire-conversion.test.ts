import type { Objective } from './objective.ts';
import type { TrainingMethod } from './run-specification.ts';
import { objectiveFromWire, objectiveToWire, trainingMethodFromWire, trainingMethodToWire } from './wire-conversion.ts';

test.each<Objective>([
  { kind: 'alphapo', alpha: -0.5, beta: 2.5, gamma: 0.625 },
  { kind: 'simpo', beta: 10, gamma: 3 },
  { kind: 'dpo', beta: 0.1 },
  { kind: 'sft' },
])('the objective $kind comes back as it was', (objective) => {
  expect(objectiveFromWire(objectiveToWire(objective))).toEqual(objective);
});

test.each<TrainingMethod>([{ kind: 'lora', rank: 8, alpha: 16, targets: ['q_proj'] }, { kind: 'full' }])(
  'the method $kind comes back as it was',
  (method) => {
    expect(trainingMethodFromWire(trainingMethodToWire(method))).toEqual(method);
  },
);

test('what is not set or out of range is refused by its field', () => {
  expect(() => objectiveFromWire({ objective: undefined })).toThrow(/^objective\.kind/);
  expect(() => objectiveFromWire({ objective: { $case: 'dpo', value: { beta: -1 } } })).toThrow(/^objective\.beta/);
  expect(() => trainingMethodFromWire({ method: undefined })).toThrow(/^method\.kind/);
});
