import { Session } from '@alphapo/engine/testing';
import {
  differentiate,
  Graph,
  matmul,
  mul,
  peakBytes,
  recomputed,
  reduceSum,
  reshape,
  sigmoid,
  type Value,
} from './index.ts';

const [T, D, LAYERS] = [5, 4, 6];

/** A stack of layers y = s(x W) * (x W), and the gradients of the sum of the last one's squares. */
function stack(layers: 'kept' | 'recomputed'): Graph {
  const graph = new Graph();
  const start = graph.input('x', 'f32', ['T', D]);
  const weights = Array.from({ length: LAYERS }, (_, i) => graph.input(`w${i}`, 'f32', [D, D]));
  const x = weights.reduce((x, weight) => {
    const layer = (given: Value) => {
      const product = matmul(given, weight);
      return mul(sigmoid(product), product);
    };
    return layers === 'kept' ? layer(x) : recomputed(x, weights, layer);
  }, start);
  const loss = reshape(reduceSum(mul(x, x), [0, 1]), []);
  const wanted = [start, ...weights];
  differentiate(graph, [{ output: loss, gradient: graph.scalar('f32', 1) }], wanted).forEach(({ dense }, i) => {
    graph.output(`gradient:${wanted[i]?.name}`, dense as Value);
  });
  return graph;
}

const feeds = {
  x: { type: 'f32' as const, shape: [T, D], data: Float32Array.from({ length: T * D }, (_, i) => Math.sin(i)) },
  ...Object.fromEntries(
    Array.from({ length: LAYERS }, (_, n) => {
      const data = Float32Array.from({ length: D * D }, (_, i) => Math.cos(3 * n + i));
      return [`w${n}`, { type: 'f32' as const, shape: [D, D], data }];
    }),
  ),
};

test('recomputed layers have bit-identical gradients', async () => {
  await using kept = await Session.create(stack('kept'), { executionProvider: 'cpu', threads: 1 });
  await using again = await Session.create(stack('recomputed'), { executionProvider: 'cpu', threads: 1 });
  expect(await again.run(feeds)).toEqual(await kept.run(feeds));
});

test('recomputed layers keep one value each', () => {
  const tokens = 1000;
  const bytes = (layers: 'kept' | 'recomputed') => peakBytes(stack(layers), { T: tokens }) / (4 * D * tokens);
  // Of each layer x W and its sigmoid are kept, and the result for the next layer; otherwise the result alone.
  expect(bytes('kept')).toBeGreaterThan(3 * LAYERS - 1);
  expect(bytes('recomputed')).toBeLessThan(LAYERS + 8);
});
