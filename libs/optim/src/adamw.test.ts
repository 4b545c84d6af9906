import { type FloatTensors, floatTensor, seededRandom } from '@alphapo/base';
import { type AdamWSettings, adamW, initialAdamWState } from './adamw.ts';

const settings: AdamWSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

function tensors(values: Record<string, readonly number[]>, shape?: readonly number[]): FloatTensors {
  return new Map(
    Object.entries(values).map(([name, data]) => [name, floatTensor(shape ?? [data.length], Float32Array.from(data))]),
  );
}

function values(of: FloatTensors, name: string): number[] {
  return [...(of.get(name)?.data ?? [])];
}

test('the first update moves each parameter by the learning rate against its gradient’s sign', async () => {
  const parameters = tensors({ w: [1, 1, 1] });
  await adamW(parameters, tensors({ w: [1e-3, -40, 0] }), initialAdamWState(parameters), {
    learningRate: 0.125,
    gradientScale: 1,
    settings,
  });
  expect(values(parameters, 'w')).toEqual([0.875, 1.125, 1].map((x) => expect.closeTo(x, 5)));
});

test('one update of a matrix, computed by hand: decay first, then the step', async () => {
  const parameters = tensors({ w: [2] }, [1, 1]);
  const state = { step: 1, m: tensors({ w: [0.5] }, [1, 1]), v: tensors({ w: [0.25] }, [1, 1]) };
  await adamW(parameters, tensors({ w: [4] }, [1, 1]), state, {
    learningRate: 0.5,
    gradientScale: 0.25,
    settings: { beta1: 0.5, beta2: 0.75, epsilon: 0.125, weightDecay: 0.5 },
  });
  // g = 1; m = 0.25 + 0.5 = 0.75; v = 0.1875 + 0.25 = 0.4375; t = 2: 1 - 0.5^2 = 0.75, 1 - 0.75^2 = 0.4375.
  // p = 2 (1 - 0.25) - 0.5 / 0.75 * 0.75 / (sqrt(0.4375 / 0.4375) + 0.125) = 1.5 - 0.5 / 1.125.
  expect(state).toMatchObject({ step: 2 });
  expect(values(state.m, 'w')).toEqual([0.75]);
  expect(values(state.v, 'w')).toEqual([0.4375]);
  expect(values(parameters, 'w')).toEqual([Math.fround(1.5 - 0.5 / 1.125)]);
});

test('weight decay touches tensors of two or more dimensions only', async () => {
  const parameters: FloatTensors = new Map([
    ['bias', floatTensor([1], Float32Array.of(1))],
    ['scalar', floatTensor([], Float32Array.of(1))],
    ['matrix', floatTensor([1, 1], Float32Array.of(1))],
  ]);
  const zeros = new Map([...parameters].map(([name, { shape }]) => [name, floatTensor(shape)]));
  await adamW(parameters, zeros, initialAdamWState(parameters), {
    learningRate: 0.5,
    gradientScale: 1,
    settings: { ...settings, weightDecay: 0.5 },
  });
  expect([...parameters.values()].map(({ data }) => data[0])).toEqual([1, 1, 0.75]);
});

test('many updates follow PyTorch’s formula in float64 to the rounding of float32', async () => {
  const random = seededRandom(5);
  const count = 64;
  const start = Array.from({ length: count }, () => random.normal());
  const parameters = tensors({ w: start }, [8, 8]);
  const state = initialAdamWState(parameters);
  const p = [...values(parameters, 'w')];
  const m = new Array<number>(count).fill(0);
  const v = new Array<number>(count).fill(0);
  for (let t = 1; t <= 50; t++) {
    const gradients = tensors({ w: start.map(() => random.normal() * 10 ** (random.below(7) - 5)) }, [8, 8]);
    const learningRate = 1e-3 * random.next();
    const gradientScale = random.next();
    await adamW(parameters, gradients, state, { learningRate, gradientScale, settings });
    for (const [i, raw] of values(gradients, 'w').entries()) {
      const g = raw * gradientScale;
      m[i] = 0.9 * (m[i] as number) + (1 - 0.9) * g;
      v[i] = 0.999 * (v[i] as number) + (1 - 0.999) * g * g;
      const denominator = Math.sqrt(v[i] as number) / Math.sqrt(1 - 0.999 ** t) + 1e-8;
      p[i] = (p[i] as number) * (1 - learningRate * 0.01);
      p[i] = (p[i] as number) - ((learningRate / (1 - 0.9 ** t)) * (m[i] as number)) / denominator;
    }
  }
  const worst = Math.max(...values(parameters, 'w').map((x, i) => Math.abs(x - (p[i] as number))));
  expect(worst).toBeLessThan(50 * 2 ** -24);
});

test('a learning rate of zero moves the moments only', async () => {
  const parameters = tensors({ w: [1, 2] }, [2, 1]);
  const state = initialAdamWState(parameters);
  await adamW(parameters, tensors({ w: [1, 2] }, [2, 1]), state, { learningRate: 0, gradientScale: 1, settings });
  expect(values(parameters, 'w')).toEqual([1, 2]);
  expect(values(state.m, 'w')).toEqual([0.1, 0.2].map(Math.fround));
});

test('gradients of other tensors or shapes are refused before anything changed', async () => {
  const parameters = tensors({ a: [1], b: [1] });
  const state = initialAdamWState(parameters);
  const step = { learningRate: 1, gradientScale: 1, settings };
  const mismatch = (tensor: string) => expect.objectContaining({ reason: 'TENSORS_MISMATCH', metadata: { tensor } });
  await expect(adamW(parameters, tensors({ a: [1] }), state, step)).rejects.toThrow(mismatch('b'));
  await expect(adamW(parameters, tensors({ a: [1], b: [1, 2] }), state, step)).rejects.toThrow(mismatch('b'));
  await expect(adamW(parameters, tensors({ a: [1], b: [1], c: [1] }), state, step)).rejects.toThrow(mismatch('c'));
  expect(state.step).toBe(0);
  expect(values(parameters, 'a')).toEqual([1]);
});

test('a learning rate that is no number is refused', async () => {
  const parameters = tensors({ w: [1] });
  const step = { learningRate: Number.NaN, gradientScale: 1, settings };
  await expect(adamW(parameters, tensors({ w: [1] }), initialAdamWState(parameters), step)).rejects.toThrow(
    'learning rate',
  );
});
