import fc from 'fast-check';
import { add, concat, Graph, matmul, productOf } from './index.ts';
import { broadcast, stretchedAxes } from './shapes.ts';

const mistake = expect.objectContaining({ reason: 'GRAPH_SHAPE' });

const dimension = fc.oneof(fc.integer({ min: 2, max: 9 }), fc.constantFrom('T', 'P', 'V'));
/** A shape, and one that stretches to it. */
const stretched = fc.array(fc.tuple(dimension, fc.boolean()), { maxLength: 4 }).chain((axes) =>
  fc.nat({ max: axes.length }).map((cut) => ({
    to: axes.map(([extent]) => extent),
    from: axes.map(([extent, isOne]) => (isOne ? 1 : extent)).slice(cut),
  })),
);

test('a shape that stretches to another broadcasts to it, from either side', () => {
  fc.assert(
    fc.property(stretched, ({ from, to }) => {
      expect(broadcast('Add', from, to)).toEqual(to);
      expect(broadcast('Add', to, from)).toEqual(to);
    }),
  );
});

test('the axes that were stretched are those where the shapes differ', () => {
  fc.assert(
    fc.property(stretched, ({ from, to }) => {
      const cut = to.length - from.length;
      const differing = to.flatMap((extent, axis) => (axis < cut || from[axis - cut] !== extent ? [axis] : []));
      expect(stretchedAxes(to, from)).toEqual(differing);
    }),
  );
});

test('extents of different names do not broadcast, nor are they multiplied as matrices', () => {
  const graph = new Graph();
  const [a, b] = [graph.input('a', 'f32', ['T', 4]), graph.input('b', 'f32', ['P', 4])];
  expect(() => add(a, b)).toThrow(mistake);
  expect(() => matmul(a, b)).toThrow(mistake);
});

test('types do not mix', () => {
  const graph = new Graph();
  expect(() => add(graph.input('a', 'f32', [4]), graph.input('b', 'f64', [4]))).toThrow(mistake);
});

test('a product of extents has one name, however it is made', () => {
  expect(productOf([2, 'T', 3])).toBe('6*T');
  expect(productOf(['T', 'H'])).toBe(productOf(['H', 'T']));
  expect(productOf([2, 3])).toBe(6);
  expect(productOf(['T', 0])).toBe(0);
});

test('parts one after the other have the sum of their extents', () => {
  const graph = new Graph();
  const part = (name: string, extent: number | string) => graph.input(name, 'f32', [extent, 4]);
  expect(concat([part('a', 2), part('b', 3)], 0).shape).toEqual([5, 4]);
  expect(concat([part('c', 'T'), part('d', 'T')], 0).shape).toEqual(['2*T', 4]);
  expect(concat([part('e', 'T'), part('f', 3)], 0).shape).toEqual(['T+3', 4]);
});
