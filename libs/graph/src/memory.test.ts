import {
  add,
  customDerivative,
  erf,
  exp,
  Graph,
  matmul,
  mul,
  neg,
  peakBytes,
  reshape,
  transpose,
  type Value,
} from './index.ts';

const [T, D] = [100, 8];

/** The peak in tensors [T, D] of float32, of what is made of an input of that shape. */
function peakTensors(build: (x: Value) => Value): number {
  const graph = new Graph();
  graph.output('y', build(graph.input('x', 'f32', ['T', D])));
  return peakBytes(graph, { T }) / (4 * T * D);
}

test('an input is not counted: it is not overwritten either', () => {
  expect(peakTensors((x) => exp(x))).toBe(1);
});

test('an elementwise operator overwrites an input that is no longer needed', () => {
  expect(peakTensors((x) => neg(exp(exp(x))))).toBe(1);
  expect(peakTensors((x) => add(exp(x), neg(x)))).toBe(2);
});

test('a value that is needed later is not overwritten', () => {
  expect(
    peakTensors((x) => {
      const y = exp(x);
      return mul(neg(y), y);
    }),
  ).toBe(2);
});

test('an operator that cannot work in place needs memory of its own', () => {
  expect(peakTensors((x) => erf(exp(x)))).toBe(2);
  expect(peakTensors((x) => transpose(exp(x), [1, 0]))).toBe(2);
});

test('a view needs no memory and keeps the viewed memory alive', () => {
  expect(peakTensors((x) => reshape(exp(x), [D, 'T']))).toBe(1);
  expect(peakTensors((x) => customDerivative(exp(x), [x], (gradient) => [gradient]))).toBe(1);
  expect(
    peakTensors((x) => {
      const y = exp(x);
      const seen = reshape(y, ['T', 1, D]);
      return mul(neg(reshape(seen, ['T', D])), seen.graph.scalar('f32', 2));
    }),
  ).toBe(1);
});

test('an input of another size is not overwritten', () => {
  const graph = new Graph();
  const wide = exp(graph.input('x', 'f32', ['T', D]));
  const row = exp(graph.input('row', 'f32', [1, D]));
  graph.output('y', add(row, mul(wide, row)));
  expect(peakBytes(graph, { T })).toBe(4 * (T * D + D));
});

test('extents may be products and sums of names', () => {
  const graph = new Graph();
  graph.output('y', exp(graph.input('x', 'f64', ['2*T', 'T+U'])));
  expect(peakBytes(graph, { T: 3, U: 4 })).toBe(8 * 6 * 7);
  expect(() => peakBytes(graph, { T: 3 })).toThrow(expect.objectContaining({ reason: 'GRAPH_SHAPE' }));
});

test('a value that no output needs takes no memory', () => {
  const graph = new Graph();
  const x = graph.input('x', 'f32', ['T', D]);
  matmul(exp(x), transpose(exp(x), [1, 0]));
  graph.output('y', neg(x));
  expect(peakBytes(graph, { T }) / (4 * T * D)).toBe(1);
});
