import { type FloatTensors, floatTensor } from '@alphapo/base';
import { addInto, clipScale, globalNorm } from './gradients.ts';

function tensors(values: Record<string, readonly number[]>): FloatTensors {
  return new Map(
    Object.entries(values).map(([name, data]) => [name, floatTensor([data.length], Float32Array.from(data))]),
  );
}

test('the norm is over all elements of all tensors', async () => {
  expect(await globalNorm(tensors({ a: [1, 2, 3, 4, 5, 6], b: [], c: [3] }))).toBe(10);
});

test('float32’s largest and smallest numbers neither overflow nor vanish', async () => {
  expect(await globalNorm(tensors({ a: [3e38, 3e38] }))).toBeCloseTo(Math.SQRT2 * Math.fround(3e38), -25);
  expect(await globalNorm(tensors({ a: [2 ** -149] }))).toBe(2 ** -149);
});

test('the norm does not depend on the order of the map, to the bit', async () => {
  const values = { a: [0.1, 0.2, 0.3], b: [1e-8, 1e8], c: [1 / 3, 1 / 7] };
  const { c, a, b } = values;
  expect(await globalNorm(tensors({ c, b, a }))).toBe(await globalNorm(tensors(values)));
});

test('NaN and infinity are reported by tensor and count', async () => {
  const gradients = tensors({ fine: [1, 2], bad: [Number.NaN, 1, Number.POSITIVE_INFINITY], worse: [-Infinity] });
  await expect(globalNorm(gradients)).rejects.toThrow(
    expect.objectContaining({
      code: 'failed-precondition',
      reason: 'NON_FINITE_GRADIENT',
      message: expect.stringContaining('bad (2 of 3 elements), worse (1 of 1 elements)'),
      metadata: { bad: '2', worse: '1' },
    }),
  );
});

test('clipping scales down to the maximum, never up, and 0 turns it off', () => {
  expect(clipScale(4, 1)).toBe(1 / (4 + 1e-6));
  expect(clipScale(0.5, 1)).toBe(1);
  expect(clipScale(0, 1)).toBe(1);
  expect(clipScale(1e9, 0)).toBe(1);
});

test('parts are added in float32, in the order given', async () => {
  const total = tensors({ a: [1, 16_777_216] });
  await addInto(total, tensors({ a: [2, 1] }));
  await addInto(total, tensors({ a: [3, 1] }));
  expect([...(total.get('a')?.data ?? [])]).toEqual([6, 16_777_216]);
});

test('a part of another model is refused, and the total stays', async () => {
  const total = tensors({ a: [1], b: [1] });
  await expect(addInto(total, tensors({ a: [1], c: [1] }))).rejects.toThrow(
    expect.objectContaining({ metadata: { tensor: 'b' } }),
  );
  expect(total.get('a')?.data).toEqual(Float32Array.of(1));
});
