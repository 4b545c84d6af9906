import { type FloatTensors, floatTensor, sha256 } from '@alphapo/base';
import { adamW, addInto, globalNorm, initialAdamWState, piecesDigests, sharedTensors, ThreadPool } from './index.ts';
import { callingThread } from './threads.ts';

const bits = (tensors: FloatTensors) => sha256(...[...tensors.values()].map(({ data }) => new Uint8Array(data.buffer)));

/** Tensors of more than one piece, of several, and of none. */
function variedTensors(seed: number): FloatTensors {
  const shapes = { large: [5, 2 ** 20], small: [7], empty: [0, 2], scalar: [] };
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const tensor = floatTensor(shape);
      return [name, { shape, data: tensor.data.map((_, i) => (((i + seed) * 7919) % 1013) / 1013 - 0.5) }];
    }),
  );
}

const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const step = { learningRate: 1e-3, gradientScale: 0.5, settings };

test('threads come to the same bits as one thread', async () => {
  await using threads = new ThreadPool(3);
  const results = await Promise.all(
    [undefined, threads].map(async (runner) => {
      const parameters = sharedTensors(variedTensors(1));
      const gradient = sharedTensors(variedTensors(2));
      const { m, v } = initialAdamWState(parameters);
      const state = { step: 0, m: sharedTensors(m), v: sharedTensors(v) };
      await addInto(gradient, sharedTensors(variedTensors(3)), runner);
      const norm = await globalNorm(gradient, runner);
      await adamW(parameters, gradient, state, step, runner);
      const pieces = [...parameters.values()].map(({ data }) => new Uint8Array(data.buffer));
      expect(await piecesDigests(pieces, runner ?? callingThread)).toEqual(
        pieces.map((piece) => sha256(piece).slice(7)),
      );
      return { norm, bits: [parameters, gradient, state.m, state.v].map(bits) };
    }),
  );
  const [alone, together] = results;
  expect(together).toEqual(alone);
  expect(new Set([bits(variedTensors(1)), ...(together?.bits ?? [])]).size).toBe(5);
});

test('a thread that failed fails its work, and whatever comes after', async () => {
  await using threads = new ThreadPool(2);
  const broken = Array.from({ length: 9 }, () => [undefined as unknown as Float32Array]);
  await expect(threads.run('sumsOfSquares', broken)).rejects.toMatchObject({ reason: 'THREAD_FAILED' });
});

test('results come in the order of the work, from a pool that was stopped before as well', async () => {
  const threads = new ThreadPool(2);
  const work = Array.from({ length: 9 }, (_, i) => [Float32Array.of(1, 2, 3, i)]);
  const expected = work.map((_, i) => [14 + i * i]);
  expect(await threads.run('sumsOfSquares', work)).toEqual(expected);
  await threads[Symbol.asyncDispose]();
  expect(await threads.run('sumsOfSquares', work)).toEqual(expected);
  await threads[Symbol.asyncDispose]();
});
