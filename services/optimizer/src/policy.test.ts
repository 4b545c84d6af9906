import { floatTensor } from '@alphapo/base';
import { sharedTensors } from '@alphapo/optim';
import { Policy } from './policy.ts';

const somePolicy = () => {
  const tensors = sharedTensors(new Map([['w', floatTensor([2], Float32Array.of(1, 2))]]));
  return { tensors, policy: new Policy({ step: 3, digest: 'sha256:3', tensors }) };
};

test('weights that nobody reads are given to the next step', () => {
  const { tensors, policy } = somePolicy();
  policy.read()[Symbol.dispose]();
  expect(policy.release()).toBe(tensors);
});

test('weights that are read stay: the next step gets a copy', () => {
  const { tensors, policy } = somePolicy();
  const readers = [policy.read(), policy.read()];
  readers[0]?.[Symbol.dispose]();
  readers[0]?.[Symbol.dispose]();
  const copy = policy.release();
  expect(copy).toEqual(tensors);
  copy.get('w')?.data.fill(0);
  expect(readers[1]?.tensors.get('w')?.data).toEqual(Float32Array.of(1, 2));
});

test('weights that were given away cannot be read', () => {
  const { policy } = somePolicy();
  policy.release();
  expect(() => policy.read()).toThrow(expect.objectContaining({ reason: 'POLICY_RELEASED' }));
});
