import { seededRandom } from '@alphapo/base';
import { Session } from '@alphapo/engine/testing';
import { outputGradient, readGradient } from './gradient.fixture.ts';
import {
  abs,
  add,
  and,
  cast,
  concat,
  customDerivative,
  differentiate,
  div,
  equal,
  erf,
  exp,
  expand,
  Graph,
  gather,
  gatherElements,
  gatherRows,
  gemm,
  less,
  lessOrEqual,
  log,
  matmul,
  max,
  min,
  mul,
  neg,
  type OperatorName,
  or,
  padTo,
  reciprocal,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  scan,
  sigmoid,
  slice,
  sliceRange,
  softmax,
  sqrt,
  sub,
  tanh,
  transpose,
  type Value,
  where,
} from './index.ts';

/** A function of float64 inputs with the shapes given, in which the operator under test has a part. */
interface Example {
  readonly inputs: readonly (readonly number[])[];
  readonly build: (...inputs: Value[]) => Value;
  /** Inputs are drawn from (0.2, 1.7) instead of the normal distribution. */
  readonly positive?: true;
  /** ONNX Runtime has this operator in float32 only: differences are coarser. */
  readonly single?: true;
}

const indices = (x: Value, shape: readonly number[], values: readonly number[]) =>
  x.graph.constant('i64', shape, values);

/** One or more examples for every operator; the type makes the table exhaustive. */
const examples: { readonly [K in OperatorName]: readonly Example[] } = {
  Abs: [{ inputs: [[3, 4]], build: (x) => abs(x) }],
  Add: [{ inputs: [[3, 4], [4]], build: (a, b) => add(a, b) }],
  And: [{ inputs: [[3, 4]], build: (x) => where(and(less(x, 0.5), less(-0.5, x)), mul(x, x), x) }],
  Cast: [{ inputs: [[3, 4]], build: (x) => cast(mul(cast(x, 'f32'), 2), 'f64'), single: true }],
  Concat: [
    {
      inputs: [
        [3, 2],
        [3, 5],
      ],
      build: (a, b) => concat([a, b, a], 1),
    },
  ],
  CustomDerivative: [{ inputs: [[3, 4]], build: (x) => customDerivative(exp(x), [x], (g) => [mul(g, exp(x))]) }],
  Div: [
    {
      inputs: [
        [3, 4],
        [3, 1],
      ],
      build: (a, b) => div(a, b),
      positive: true,
    },
  ],
  Equal: [{ inputs: [[3, 4]], build: (x) => where(equal(x, x), mul(x, x), x) }],
  Erf: [{ inputs: [[3, 4]], build: (x) => cast(erf(cast(x, 'f32')), 'f64'), single: true }],
  Exp: [{ inputs: [[3, 4]], build: (x) => exp(x) }],
  Expand: [{ inputs: [[3, 1]], build: (x) => expand(x, [2, 3, 4]) }],
  Gather: [
    { inputs: [[5, 3]], build: (x) => gather(x, indices(x, [2, 2], [4, 0, 4, 1])) },
    // Rows of a computed tensor: its row 4 goes to the places 0 and 2.
    {
      inputs: [[5, 3]],
      build: (x) => {
        const sources = indices(x, [2, 5], [1, 3, 4, 4, 0, 4, 4, 4, 4, 2]);
        return gatherRows(mul(x, x), indices(x, [2, 2], [4, 0, 4, 1]), sources);
      },
    },
  ],
  GatherElements: [{ inputs: [[3, 4]], build: (x) => gatherElements(x, indices(x, [3, 1], [2, 0, 2]), 1) }],
  Gemm: [
    {
      inputs: [
        [3, 4],
        [4, 5],
      ],
      build: (a, b) => gemm(a, b),
    },
    {
      inputs: [
        [4, 3],
        [4, 5],
      ],
      build: (a, b) => gemm(a, b, { transA: true }),
    },
    { inputs: [[3, 4], [5, 4], [5]], build: (a, b, c) => gemm(a, b, { transB: true, plus: c }) },
    {
      inputs: [
        [4, 3],
        [5, 4],
        [3, 5],
      ],
      build: (a, b, c) => gemm(a, b, { transA: true, transB: true, plus: c }),
    },
  ],
  Less: [
    {
      inputs: [
        [3, 4],
        [3, 4],
      ],
      build: (a, b) => where(less(a, b), a, mul(b, 2)),
    },
  ],
  LessOrEqual: [
    {
      inputs: [
        [3, 4],
        [3, 4],
      ],
      build: (a, b) => where(lessOrEqual(a, b), a, mul(b, 2)),
    },
  ],
  Log: [{ inputs: [[3, 4]], build: (x) => log(x), positive: true }],
  MatMul: [
    {
      inputs: [
        [2, 3, 4],
        [2, 4, 5],
      ],
      build: (a, b) => matmul(a, b),
    },
    {
      inputs: [
        [2, 3, 4],
        [4, 5],
      ],
      build: (a, b) => matmul(a, b),
    },
  ],
  Max: [{ inputs: [[3, 4], [4]], build: (a, b) => max(a, b) }],
  Min: [{ inputs: [[3, 4], [4]], build: (a, b) => min(a, b) }],
  Mul: [
    {
      inputs: [
        [3, 4],
        [3, 1],
      ],
      build: (a, b) => mul(a, b),
    },
  ],
  Neg: [{ inputs: [[3, 4]], build: (x) => neg(x) }],
  Or: [{ inputs: [[3, 4]], build: (x) => where(or(less(x, -0.5), less(0.5, x)), mul(x, x), x) }],
  Reciprocal: [{ inputs: [[3, 4]], build: (x) => reciprocal(x), positive: true }],
  ReduceMax: [{ inputs: [[3, 4]], build: (x) => where(less(x, reduceMax(x, [1])), mul(x, 2), mul(x, 3)) }],
  ReduceMean: [{ inputs: [[3, 4, 2]], build: (x) => reduceMean(x, [1, 2]) }],
  ReduceSum: [{ inputs: [[3, 4, 2]], build: (x) => reduceSum(x, [0, 2]) }],
  Reshape: [{ inputs: [[3, 4]], build: (x) => reshape(x, [2, 6]) }],
  RMSNormalization: [
    {
      inputs: [[3, 8], [8]],
      build: (x, w) => cast(rmsNorm(cast(x, 'f32'), cast(w, 'f32'), 1e-5), 'f64'),
      single: true,
    },
  ],
  RotaryEmbedding: [
    {
      inputs: [[1, 3, 8]],
      build: (x) => {
        const angles = Array.from({ length: 6 }, (_, i) => 0.7 * i);
        const table = (f: (angle: number) => number) => x.graph.constant('f32', [1, 3, 2], angles.map(f));
        return cast(rotaryEmbedding(cast(x, 'f32'), table(Math.cos), table(Math.sin), 2), 'f64');
      },
      single: true,
    },
  ],
  PadTo: [
    {
      // Like SliceRange a part of loops that are given a derivative by hand.
      inputs: [[3, 2]],
      build: (x) => {
        const padded = padTo(x, indices(x, [4], [0, 0, 2, 0]), [5, 2]);
        return customDerivative(padded, [x], (g) => [sliceRange(g, 0, indices(x, [1], [0]), indices(x, [1], [3]), 3)]);
      },
    },
  ],
  SliceRange: [
    {
      inputs: [[5, 2]],
      build: (x) => {
        const first = sliceRange(x, 0, indices(x, [1], [0]), indices(x, [1], [3]), 3);
        return customDerivative(first, [x], (g) => [padTo(g, indices(x, [4], [0, 0, 2, 0]), [5, 2])]);
      },
    },
  ],
  Scan: [
    {
      // Squares row by row: the loop is given a derivative by hand, as the head of a language model is.
      inputs: [[3, 4]],
      build: (x) => {
        const { outputs } = scan(x.graph, [], [x], (_states, [row]) => ({
          states: [],
          outputs: [mul(row as Value, row as Value)],
        }));
        return customDerivative(outputs[0] as Value, [x], (g) => [mul(g, mul(x, 2))]);
      },
    },
  ],
  Sigmoid: [{ inputs: [[3, 4]], build: (x) => sigmoid(x) }],
  Slice: [{ inputs: [[3, 6]], build: (x) => slice(x, 1, 2, 5) }],
  Softmax: [{ inputs: [[3, 4]], build: (x) => softmax(x) }],
  Sqrt: [{ inputs: [[3, 4]], build: (x) => sqrt(x), positive: true }],
  Sub: [
    {
      inputs: [
        [1, 4],
        [3, 4],
      ],
      build: (a, b) => sub(a, b),
    },
  ],
  Tanh: [{ inputs: [[3, 4]], build: (x) => tanh(x) }],
  Transpose: [{ inputs: [[2, 3, 4]], build: (x) => transpose(x, [2, 0, 1]) }],
  Where: [{ inputs: [[3, 4], [4]], build: (a, b) => where(less(a, b), mul(a, b), sub(a, b)) }],
};

const CPU = { executionProvider: 'cpu', threads: 1 } as const;

/** The loss: elements weighted unevenly, so that no derivative can hide behind a symmetry. */
function weightedSum(y: Value): Value {
  const count = y.shape.reduce<number>((product, extent) => product * (extent as number), 1);
  const weights = Array.from({ length: count }, (_, i) => Math.sin(1 + 1.7 * i));
  const all = y.shape.map((_, axis) => axis);
  return reshape(reduceSum(mul(y, y.graph.constant('f64', y.shape as number[], weights)), all), []);
}

const cases = Object.entries(examples).flatMap(([operator, list]) =>
  list.map((example, index) => [list.length > 1 ? `${operator} ${index + 1}` : operator, example] as const),
);

test.each(cases)('the derivative of %s agrees with finite differences', async (_name, example) => {
  const random = seededRandom(11);
  const graph = new Graph();
  const inputs = example.inputs.map((shape, i) => graph.input(`x${i}`, 'f64', shape));
  const loss = weightedSum(example.build(...inputs));
  graph.output('loss', loss);
  const gradients = differentiate(graph, [{ output: loss, gradient: graph.scalar('f64', 1) }], inputs);
  gradients.forEach((gradient, i) => {
    outputGradient(graph, `x${i}`, gradient);
  });
  await using session = await Session.create(graph, CPU);

  const feeds = Object.fromEntries(
    example.inputs.map((shape, i) => {
      const count = shape.reduce((product, extent) => product * extent, 1);
      const draw = () => (example.positive ? 0.2 + 1.5 * random.next() : random.normal());
      return [`x${i}`, { type: 'f64' as const, shape, data: Float64Array.from({ length: count }, draw) }];
    }),
  );
  const lossAt = async () => ((await session.run(feeds)).loss as { data: Float64Array }).data[0] as number;
  const result = await session.run(feeds);
  const step = example.single ? 2e-2 : 1e-5;
  for (const [i] of inputs.entries()) {
    const { data } = feeds[`x${i}`] as { data: Float64Array };
    const gradient = readGradient(result, `x${i}`, example.inputs[i] as readonly number[]);
    expect(gradient).toHaveLength(data.length);
    for (const [j, x] of data.entries()) {
      data[j] = x + step;
      const above = await lossAt();
      data[j] = x - step;
      const below = await lossAt();
      data[j] = x;
      const expected = (above - below) / (2 * step);
      expect(Math.abs((gradient[j] as number) - expected)).toBeLessThan(
        (example.single ? 2e-3 : 1e-7) * (1 + Math.abs(expected)),
      );
    }
  }
});
