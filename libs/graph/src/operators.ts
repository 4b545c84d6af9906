import { broadcast, productOf, shapeError, showShape } from './shapes.ts';
import type { Contribution, Dimension, ElementType, Graph, Node, OutputType, Shape, Value } from './value.ts';

type None = Record<never, never>;

/**
 * Every operator a graph can hold, with its attributes. The union is closed: adding one leads the compiler through
 * the table of operators here, the table of derivatives and the table of ONNX lowerings.
 *
 * All are operators of ONNX opset 23 with ONNX's meaning, apart from `CustomDerivative` (the identity of its first input),
 * `SliceRange` and `PadTo` (Slice and Pad by extents that are known only when the graph runs).
 */
export interface OperatorAttributes {
  Abs: None;
  Add: None;
  And: None;
  Cast: { readonly to: ElementType };
  Concat: { readonly axis: number };
  /** Input 0 is the result; a gradient of it becomes gradients of the inputs from 1 on through `pullback`. */
  CustomDerivative: { readonly pullback: (gradient: Value) => readonly Contribution[] };
  Div: None;
  Equal: None;
  Erf: None;
  Exp: None;
  Expand: { readonly shape: Shape };
  /** Rows of input 0 at the indices of input 1. */
  Gather: None;
  GatherElements: { readonly axis: number };
  /** A' B' (+ C): two matrices, each transposed or not, and a matrix that broadcasts to the product. */
  Gemm: { readonly transA: boolean; readonly transB: boolean };
  LessOrEqual: None;
  Less: None;
  Log: None;
  MatMul: None;
  Max: None;
  Min: None;
  Mul: None;
  Neg: None;
  Or: None;
  Reciprocal: None;
  ReduceMax: { readonly axes: readonly number[] };
  /** Axes are kept with extent 1, as in all reductions here. */
  ReduceMean: { readonly axes: readonly number[] };
  ReduceSum: { readonly axes: readonly number[] };
  Reshape: { readonly shape: Shape };
  /** x / sqrt(mean(x^2) + epsilon) * weight over the last axis. arXiv:1910.07467. */
  RMSNormalization: { readonly epsilon: number };
  /** Rotates the halves of each head: inputs [1, T, heads * D], cos and sin [1, T, D / 2]. arXiv:2104.09864. */
  RotaryEmbedding: { readonly heads: number };
  /** Zeros around input 0: input 1 is Pad's vector [2 * rank], `shape` what comes out. */
  PadTo: { readonly shape: Shape };
  /** From input 1 [1] to input 2 [1] along an axis of input 0; `extent` names how many those are. */
  SliceRange: { readonly axis: number; readonly extent: Dimension };
  /**
   * Runs `body` `length` times. The first `states` inputs are carried from round to round; of the others, the body
   * gets one slice along axis 0 each round. Outputs: the last states, then what the rounds gave, stacked along axis 0.
   */
  Scan: { readonly body: Graph; readonly states: number; readonly length: Dimension };
  Sigmoid: None;
  Slice: { readonly axis: number; readonly start: number; readonly end: number };
  /** Over the last axis. */
  Softmax: None;
  Sqrt: None;
  Sub: None;
  Tanh: None;
  Transpose: { readonly permutation: readonly number[] };
  Where: None;
}

export type OperatorName = keyof OperatorAttributes;

/** A node of a known operator. */
export interface NodeOf<K extends OperatorName> extends Node {
  readonly operator: K;
  readonly attributes: OperatorAttributes[K];
}

type Outputs<K extends OperatorName> = (
  inputs: readonly Value[],
  attributes: OperatorAttributes[K],
) => readonly OutputType[];

const at = (inputs: readonly Value[], index: number): Value =>
  inputs[index] ?? shapeError('operator', `input ${index} is missing`);

const same = (inputs: readonly Value[]): readonly OutputType[] => [
  { type: at(inputs, 0).type, shape: at(inputs, 0).shape },
];

const binary =
  (operator: string, result?: ElementType) =>
  (inputs: readonly Value[]): readonly OutputType[] => {
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    if (a.type !== b.type) shapeError(operator, `${a.type} and ${b.type} do not mix`);
    return [{ type: result ?? a.type, shape: broadcast(operator, a.shape, b.shape) }];
  };

const reduce = (inputs: readonly Value[], { axes }: { readonly axes: readonly number[] }): readonly OutputType[] => [
  { type: at(inputs, 0).type, shape: at(inputs, 0).shape.map((d, axis) => (axes.includes(axis) ? 1 : d)) },
];

/** How an operator makes its first output. */
type Making =
  /** In memory of its own. */
  | 'computes'
  /** In memory of its own, or in that of an input that is no longer needed. */
  | 'overwrites'
  /** In memory of its own, from unchanged elements: its output is already rounded. */
  | 'moves'
  /** As a view: the output is the memory of the first input. */
  | 'views';

/** The type and shape of an operator's outputs, and how it makes them. */
interface Operator<K extends OperatorName> {
  readonly outputs: Outputs<K>;
  readonly making: Making;
}

const making =
  (how: Making) =>
  <K extends OperatorName>(outputs: Outputs<K>): Operator<K> => ({ outputs, making: how });
const [computes, overwrites] = [making('computes'), making('overwrites')];
const [moves, views] = [making('moves'), making('views')];

/** Everything about an operator except its derivative and its ONNX nodes; the type makes the table exhaustive. */
export const operators: { readonly [K in OperatorName]: Operator<K> } = {
  Abs: overwrites(same),
  Add: overwrites(binary('Add')),
  And: computes(binary('And')),
  Cast: computes((inputs, { to }) => [{ type: to, shape: at(inputs, 0).shape }]),
  Concat: moves((inputs, { axis }) => {
    const first = at(inputs, 0);
    const extents = inputs.map((input) => input.shape[axis]);
    const total = extents.every((extent) => typeof extent === 'number')
      ? extents.reduce((sum, extent) => sum + extent, 0)
      : extents.every((extent) => extent === extents[0])
        ? productOf([extents.length, extents[0] as Dimension])
        : extents.join('+');
    return [{ type: first.type, shape: first.shape.map((d, i) => (i === axis ? total : d)) }];
  }),
  CustomDerivative: views(same),
  Div: overwrites(binary('Div')),
  Equal: computes(binary('Equal', 'bool')),
  Erf: computes(same),
  Exp: overwrites(same),
  Expand: moves((inputs, { shape }) => [{ type: at(inputs, 0).type, shape }]),
  Gather: moves((inputs) => [
    { type: at(inputs, 0).type, shape: [...at(inputs, 1).shape, ...at(inputs, 0).shape.slice(1)] },
  ]),
  GatherElements: moves((inputs) => [{ type: at(inputs, 0).type, shape: at(inputs, 1).shape }]),
  Gemm: computes((inputs, { transA, transB }) => {
    const [a, b] = [at(inputs, 0).shape, at(inputs, 1).shape];
    const [m, k] = transA ? [a[1], a[0]] : [a[0], a[1]];
    const [l, n] = transB ? [b[1], b[0]] : [b[0], b[1]];
    if (a.length !== 2 || b.length !== 2 || k !== l || m === undefined || n === undefined) {
      return shapeError('Gemm', `${showShape(a)}${transA ? "'" : ''} times ${showShape(b)}${transB ? "'" : ''}`);
    }
    return [{ type: at(inputs, 0).type, shape: [m, n] }];
  }),
  LessOrEqual: computes(binary('LessOrEqual', 'bool')),
  Less: computes(binary('Less', 'bool')),
  Log: overwrites(same),
  MatMul: computes((inputs) => {
    const [a, b] = [at(inputs, 0).shape, at(inputs, 1).shape];
    if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-2)) {
      return shapeError('MatMul', `${showShape(a)} times ${showShape(b)}`);
    }
    const batch = broadcast('MatMul', a.slice(0, -2), b.slice(0, -2));
    return [{ type: at(inputs, 0).type, shape: [...batch, a.at(-2) as Dimension, b.at(-1) as Dimension] }];
  }),
  Max: computes(binary('Max')),
  Min: computes(binary('Min')),
  Mul: overwrites(binary('Mul')),
  Neg: overwrites(same),
  Or: computes(binary('Or')),
  Reciprocal: overwrites(same),
  ReduceMax: computes(reduce),
  ReduceMean: computes(reduce),
  ReduceSum: computes(reduce),
  Reshape: views((inputs, { shape }) => [{ type: at(inputs, 0).type, shape }]),
  RMSNormalization: computes(same),
  RotaryEmbedding: computes(same),
  PadTo: moves((inputs, { shape }) => [{ type: at(inputs, 0).type, shape }]),
  SliceRange: moves((inputs, { axis, extent }) => [
    { type: at(inputs, 0).type, shape: at(inputs, 0).shape.map((d, i) => (i === axis ? extent : d)) },
  ]),
  Scan: moves((_inputs, { body, states, length }) =>
    body.outputs.map(({ value }, index) => ({
      type: value.type,
      shape: index < states ? value.shape : [length, ...value.shape],
    })),
  ),
  Sigmoid: overwrites(same),
  Slice: moves((inputs, { axis, start, end }) => [
    { type: at(inputs, 0).type, shape: at(inputs, 0).shape.map((d, i) => (i === axis ? end - start : d)) },
  ]),
  Softmax: computes(same),
  Sqrt: overwrites(same),
  Sub: overwrites(binary('Sub')),
  Tanh: overwrites(same),
  Transpose: moves((inputs, { permutation }) => [
    {
      type: at(inputs, 0).type,
      shape: permutation.map((axis) => at(inputs, 0).shape[axis] ?? shapeError('Transpose', `no axis ${axis}`)),
    },
  ]),
  Where: moves((inputs) => {
    const [condition, yes, no] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    if (condition.type !== 'bool' || yes.type !== no.type) shapeError('Where', 'types do not match');
    const shape = broadcast('Where', broadcast('Where', condition.shape, yes.shape), no.shape);
    return [{ type: yes.type, shape }];
  }),
};

/** How a node makes its first output. */
export const makingOf = (node: Node): Making => operators[node.operator as OperatorName].making;
