import {
  add,
  apply,
  cast,
  concat,
  div,
  expand,
  gemm,
  less,
  matmul,
  mul,
  neg,
  reciprocal,
  reduceMean,
  reduceSum,
  reshape,
  rotaryEmbedding,
  slice,
  sqrt,
  sub,
  sumTo,
  transpose,
  transposeMatrix,
  where,
  zeros,
} from './build.ts';
import type { NodeOf, OperatorName } from './operators.ts';
import { productOf, shapeError } from './shapes.ts';
import type { Contribution, Value } from './value.ts';

/** What a rule is given: the node, and the gradient of the loss with respect to its first output. */
export interface RuleContext<K extends OperatorName> {
  readonly node: NodeOf<K>;
  readonly inputs: readonly Value[];
  readonly output: Value;
  readonly gradient: Value;
}

/** The gradient with respect to one input, computed only on demand. */
export type InputGradient = (() => Contribution) | undefined;

/**
 * A derivative rule: one entry per input, undefined where there is no derivative (indices, conditions). `'constant'`:
 * the output does not depend on its inputs in a differentiable way.
 */
export type Rule<K extends OperatorName> = ((context: RuleContext<K>) => readonly InputGradient[]) | 'constant';

const first = <K extends OperatorName>(context: RuleContext<K>): Value => context.inputs[0] as Value;
const second = <K extends OperatorName>(context: RuleContext<K>): Value => context.inputs[1] as Value;

/** A rule for a function of one input: gradient and the local derivative's product. */
const unary =
  <K extends OperatorName>(rule: (gradient: Value, x: Value, y: Value) => Value): Rule<K> =>
  (context) => [() => rule(context.gradient, first(context), context.output)];

/** A rule for an elementwise function of two inputs that broadcast. */
const binary =
  <K extends OperatorName>(
    left: (gradient: Value, a: Value, b: Value, y: Value) => Value,
    right: (gradient: Value, a: Value, b: Value, y: Value) => Value,
  ): Rule<K> =>
  (context) => {
    const [a, b] = [first(context), second(context)];
    return [
      () => sumTo(left(context.gradient, a, b, context.output), a.shape),
      () => sumTo(right(context.gradient, a, b, context.output), b.shape),
    ];
  };

/** The gradient of a maximum or minimum goes to the input that was selected; to the second if they are equal. */
const choose = (gradient: Value, takesFirst: Value, forFirst: boolean): Value =>
  forFirst ? where(takesFirst, gradient, 0) : where(takesFirst, 0, gradient);

/**
 * The derivative of every operator, as a table: the vector-Jacobian product, in terms of the graph's own operators.
 * The type makes it exhaustive; `derivatives.test.ts` checks each rule against finite differences.
 */
export const derivatives: { readonly [K in OperatorName]: Rule<K> } = {
  Abs: unary((g, x) => where(less(x, 0), neg(g), g)),
  Add: binary(
    (g) => g,
    (g) => g,
  ),
  And: 'constant',
  Cast: unary((g, x) => cast(g, x.type)),
  Concat: ({ inputs, node, gradient }) => {
    let start = 0;
    return inputs.map((input) => {
      const extent = input.shape[node.attributes.axis];
      if (typeof extent !== 'number') return () => shapeError('Concat', 'parts of unknown extent have no derivative');
      const from = start;
      start += extent;
      return () => slice(gradient, node.attributes.axis, from, from + extent);
    });
  },
  CustomDerivative: ({ node, gradient, inputs }) => {
    let made: readonly Contribution[] | undefined;
    const all = () => {
      made ??= node.attributes.pullback(gradient);
      return made;
    };
    return inputs.map((_, index) => (index === 0 ? undefined : () => all()[index - 1] as Contribution));
  },
  Div: binary(
    (g, _a, b) => div(g, b),
    (g, _a, b, y) => neg(div(mul(g, y), b)),
  ),
  Equal: 'constant',
  Erf: unary((g, x) => mul(mul(g, 2 / Math.sqrt(Math.PI)), apply('Exp', [neg(mul(x, x))], {}))),
  Exp: unary((g, _x, y) => mul(g, y)),
  Expand: unary((g, x) => sumTo(g, x.shape)),
  Gather: (context) => {
    const [table, indices] = [first(context), second(context)];
    const count = productOf(indices.shape);
    return [
      () => ({
        indices: reshape(indices, [count]),
        rows: reshape(context.gradient, [count, ...table.shape.slice(1)]),
      }),
      undefined,
    ];
  },
  GatherElements: ({ node, inputs, gradient }) => {
    const [x, indices] = inputs as [Value, Value];
    const { axis } = node.attributes;
    const width = x.shape[axis];
    if (typeof width !== 'number' || indices.shape[axis] !== 1) {
      return [() => shapeError('GatherElements', 'needs one index per slice, along an axis of known extent')];
    }
    return [
      () => {
        const counting = Array.from({ length: width }, (_, i) => i);
        const positions = x.graph.constant(
          'i64',
          x.shape.map((_, i) => (i === axis ? width : 1)),
          counting,
        );
        return where(apply('Equal', [indices, positions], {}), gradient, 0);
      },
      undefined,
    ];
  },
  Gemm: ({ node, inputs, gradient: g }) => {
    const [a, b, c] = inputs as [Value, Value, Value | undefined];
    const { transA, transB } = node.attributes;
    return [
      () => (transA ? gemm(b, g, { transA: transB, transB: true }) : gemm(g, b, { transB: !transB })),
      () => (transB ? gemm(g, a, { transA: true, transB: transA }) : gemm(a, g, { transA: !transA })),
      c && (() => sumTo(g, c.shape)),
    ];
  },
  Less: 'constant',
  LessOrEqual: 'constant',
  Log: unary((g, x) => div(g, x)),
  MatMul: ({ inputs, gradient }) => {
    const [a, b] = inputs as [Value, Value];
    return [
      () => sumTo(matmul(gradient, transposeMatrix(b)), a.shape),
      () => sumTo(matmul(transposeMatrix(a), gradient), b.shape),
    ];
  },
  Max: binary(
    (g, a, b) => choose(g, less(b, a), true),
    (g, a, b) => choose(g, less(b, a), false),
  ),
  Min: binary(
    (g, a, b) => choose(g, less(a, b), true),
    (g, a, b) => choose(g, less(a, b), false),
  ),
  Mul: binary(
    (g, _a, b) => mul(g, b),
    (g, a) => mul(g, a),
  ),
  Neg: unary((g) => neg(g)),
  Or: 'constant',
  Reciprocal: unary((g, _x, y) => neg(mul(g, mul(y, y)))),
  ReduceMax: () => [() => shapeError('ReduceMax', 'has no derivative here; it is used for shifts that cancel')],
  ReduceMean: ({ node, inputs, gradient }) => {
    const [x] = inputs as [Value];
    const extents = node.attributes.axes.map((axis) => x.shape[axis]);
    const count = extents.reduce<number>(
      (product, extent) => (typeof extent === 'number' ? product * extent : shapeError('ReduceMean', 'extent unknown')),
      1,
    );
    return [() => expand(mul(gradient, 1 / count), x.shape)];
  },
  ReduceSum: unary((g, x) => expand(g, x.shape)),
  Reshape: unary((g, x) => reshape(g, x.shape)),
  RMSNormalization: ({ node, inputs, gradient }) => {
    const [x, weight] = inputs as [Value, Value];
    const last = x.shape.length - 1;
    const scale = reciprocal(sqrt(add(reduceMean(mul(x, x), [last]), node.attributes.epsilon)));
    const weighted = mul(gradient, weight);
    return [
      () => mul(scale, sub(weighted, mul(x, mul(mul(scale, scale), reduceMean(mul(x, weighted), [last]))))),
      () => sumTo(mul(gradient, mul(x, scale)), weight.shape),
    ];
  },
  RotaryEmbedding: ({ node, inputs, gradient }) => {
    const [, cos, sin] = inputs as [Value, Value, Value];
    return [() => rotaryEmbedding(gradient, cos, neg(sin), node.attributes.heads), undefined, undefined];
  },
  PadTo: () => [() => shapeError('PadTo', 'wrap it in customDerivative')],
  SliceRange: () => [() => shapeError('SliceRange', 'wrap it in customDerivative')],
  Scan: () => [() => shapeError('Scan', 'wrap it in customDerivative')],
  Sigmoid: unary((g, _x, y) => mul(g, mul(y, sub(1, y)))),
  Slice: ({ node, inputs, gradient }) => {
    const [x] = inputs as [Value];
    const { axis, start, end } = node.attributes;
    const extent = x.shape[axis];
    if (typeof extent !== 'number') return [() => shapeError('Slice', 'an axis of unknown extent')];
    const pad = (width: number) =>
      zeros(
        x.graph,
        x.type,
        x.shape.map((d, i) => (i === axis ? width : d)),
      );
    return [
      () => concat([...(start > 0 ? [pad(start)] : []), gradient, ...(end < extent ? [pad(extent - end)] : [])], axis),
    ];
  },
  Softmax: unary((g, x, y) => {
    const product = mul(g, y);
    return sub(product, mul(y, reduceSum(product, [x.shape.length - 1])));
  }),
  Sqrt: unary((g, _x, y) => div(mul(g, 0.5), y)),
  Sub: binary(
    (g) => g,
    (g) => neg(g),
  ),
  Tanh: unary((g, _x, y) => mul(g, sub(1, mul(y, y)))),
  Transpose: ({ node, gradient }) => {
    const inverse = node.attributes.permutation.map((_, axis) => node.attributes.permutation.indexOf(axis));
    return [() => transpose(gradient, inverse)];
  },
  Where: ({ inputs, gradient }) => {
    const [condition, yes, no] = inputs as [Value, Value, Value];
    return [
      undefined,
      () => sumTo(where(condition, gradient, 0), yes.shape),
      () => sumTo(where(condition, 0, gradient), no.shape),
    ];
  },
};
