import {
  cast,
  differentiate,
  Graph,
  gather,
  less,
  mul,
  reduceMax,
  scan,
  sliceRange,
  type Value,
  where,
} from './index.ts';

function inputs(...names: string[]): { readonly graph: Graph; readonly values: readonly Value[] } {
  const graph = new Graph();
  return { graph, values: names.map((name) => graph.input(name, 'f64', [3, 4])) };
}

const gradientsOf = (graph: Graph, output: Value, wanted: readonly Value[]) =>
  differentiate(graph, [{ output, gradient: graph.constant('f64', [3, 4], new Array(12).fill(1)) }], wanted);

test('a value that the output does not depend on has no gradient', () => {
  const { graph, values } = inputs('a', 'b');
  const [a, b] = values as [Value, Value];
  const [ofA, ofB] = gradientsOf(graph, mul(a, 2), [a, b]);
  expect(ofA?.dense?.shape).toEqual([3, 4]);
  expect(ofB).toEqual({ dense: undefined, rows: [] });
});

test('a value that the output depends on only through a comparison has no gradient', () => {
  const { graph, values } = inputs('a', 'b');
  const [a, b] = values as [Value, Value];
  expect(gradientsOf(graph, where(less(a, b), 1, cast(less(b, a), 'f64')), [a, b])).toEqual([
    { dense: undefined, rows: [] },
    { dense: undefined, rows: [] },
  ]);
});

test('no nodes are added for gradients that are not requested', () => {
  const { graph, values } = inputs('a', 'b');
  const [a, b] = values as [Value, Value];
  const output = mul(a, b);
  const before = graph.nodes.length;
  gradientsOf(graph, output, [a]);
  // The gradient arrives, times b.
  expect(graph.nodes.slice(before).map(({ operator }) => operator)).toEqual(['Mul']);
});

test('the gradient of looked-up rows consists of rows', () => {
  const graph = new Graph();
  const table = graph.input('table', 'f64', [1000, 4]);
  const rows = gather(table, graph.constant('i64', [3], [7, 7, 1]));
  const [gradient] = gradientsOf(graph, rows, [table]);
  expect(gradient?.dense).toBeUndefined();
  expect(gradient?.rows.map(({ rows }) => rows.shape)).toEqual([[3, 4]]);
});

test.each<[string, (x: Value) => Value]>([
  ['ReduceMax', (x) => reduceMax(x, [1])],
  ['SliceRange', (x) => sliceRange(x, 0, x.graph.constant('i64', [1], [0]), x.graph.constant('i64', [1], [3]), 3)],
  [
    'Scan',
    (x) => scan(x.graph, [], [x], (_states, [row]) => ({ states: [], outputs: [row as Value] })).outputs[0] as Value,
  ],
])('%s says that it has no derivative of its own', (operator, build) => {
  const { graph, values } = inputs('x');
  const [x] = values as [Value];
  const output = build(mul(x, x));
  expect(() => differentiate(graph, [{ output, gradient: output }], [x])).toThrow(
    expect.objectContaining({ reason: 'GRAPH_SHAPE', message: expect.stringContaining(operator) }),
  );
});
