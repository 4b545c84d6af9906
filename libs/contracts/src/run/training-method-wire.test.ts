import type { TrainingMethod } from './run-specification.ts';
import { trainingMethodFromWire, trainingMethodToWire } from './training-method-wire.ts';

test.each<TrainingMethod>([{ kind: 'lora', rank: 8, alpha: 16, targets: ['q_proj'] }, { kind: 'full' }])(
  'the method $kind comes back as it was',
  (method) => {
    expect(trainingMethodFromWire(trainingMethodToWire(method))).toEqual(method);
  },
);

test('a method that is not set is refused by its field', () => {
  expect(() => trainingMethodFromWire({ method: undefined })).toThrow(/^method\.kind/);
});
