import { floatTensor } from '@alphapo/base';
import { sharedTensors } from '@alphapo/optim';
import { Policy } from './policy.ts';
import { PolicyReaders } from './policy-readers.ts';

const policyOf = (step: number) => {
  const tensors = sharedTensors(new Map([['w', floatTensor([1], Float32Array.of(step))]]));
  return new Policy({ step, digest: `sha256:${step}`, tensors });
};

const refused = expect.objectContaining({ code: 'resource-exhausted', reason: 'POLICY_READERS' });

test('slow readers of two earlier policies keep others away, but not the scorers', () => {
  const readers = new PolicyReaders();
  const slow = [1, 2].map((step) => readers.read(policyOf(step), 'other'));
  expect(() => readers.read(policyOf(3), 'other')).toThrow(refused);
  const fetched = readers.read(policyOf(3), 'scorer');
  expect([fetched.step, fetched.tensors.get('w')?.data]).toEqual([3, Float32Array.of(3)]);
  slow[0]?.[Symbol.dispose]();
  fetched[Symbol.dispose]();
  expect(readers.read(policyOf(3), 'other').step).toBe(3);
});

test('scorers that fetch earlier policies for ever are turned away, too', () => {
  const readers = new PolicyReaders();
  for (const step of [1, 2, 3, 4]) readers.read(policyOf(step), 'scorer');
  expect(() => readers.read(policyOf(5), 'scorer')).toThrow(refused);
});

test('any number may read the same policy', () => {
  const readers = new PolicyReaders();
  const policy = policyOf(1);
  for (let i = 0; i < 10; i++) readers.read(policy, 'other');
  readers.read(policyOf(2), 'other');
});
