import type { NodeOf, OperatorAttributes, OperatorName } from '../operators.ts';
import type { Dimension, Node, Shape } from '../value.ts';
import { ELEMENT_TYPE, type OnnxAttribute, type OnnxGraph, type OnnxNode } from './protobuf.ts';

/** What a lowering may use besides its node: names of constants and of shape vectors. */
export interface LoweringContext {
  /** The name of a constant vector of i64. */
  indices(values: readonly number[]): string;
  /** The name of a vector of i64 with these extents, known or not. */
  extents(shape: Shape): string;
  /** Lowers the body of a loop. */
  body(graph: OperatorAttributes['Scan']['body']): OnnxGraph;
  /** A name that nothing else has. */
  fresh(stem: string): string;
}

type Lowering<K extends OperatorName> = (node: NodeOf<K>, context: LoweringContext) => readonly OnnxNode[];

const names = (node: Node): { inputs: string[]; outputs: string[] } => ({
  inputs: node.inputs.map((value) => value.name),
  outputs: node.outputs.map((value) => value.name),
});

const direct =
  <K extends OperatorName>(
    operator: string,
    attributes: (of: OperatorAttributes[K]) => Record<string, OnnxAttribute> = () => ({}),
    more: (node: NodeOf<K>, context: LoweringContext) => readonly string[] = () => [],
  ): Lowering<K> =>
  (node, context) => {
    const { inputs, outputs } = names(node);
    return [
      { operator, inputs: [...inputs, ...more(node, context)], outputs, attributes: attributes(node.attributes) },
    ];
  };

const reduction = <K extends 'ReduceMax' | 'ReduceMean' | 'ReduceSum'>(operator: string): Lowering<K> =>
  direct<K>(
    operator,
    () => ({ keepdims: { int: 1 } }),
    (node, context) => [context.indices(node.attributes.axes)],
  );

/** Reshape's target: -1 stands for the only unknown extent, otherwise extents are computed when the graph runs. */
function reshapeTarget(shape: Shape, context: LoweringContext): string {
  const unknown = shape.filter((dimension) => typeof dimension === 'string').length;
  if (unknown > 1) return context.extents(shape);
  return context.indices(shape.map((dimension: Dimension) => (typeof dimension === 'string' ? -1 : dimension)));
}

/** Each operator as ONNX nodes. */
export const lowerings: { readonly [K in OperatorName]: Lowering<K> } = {
  Abs: direct('Abs'),
  Add: direct('Add'),
  And: direct('And'),
  Cast: direct<'Cast'>('Cast', ({ to }) => ({ to: { int: ELEMENT_TYPE[to] } })),
  Concat: direct<'Concat'>('Concat', ({ axis }) => ({ axis: { int: axis } })),
  CustomDerivative: (node) => [
    { operator: 'Identity', inputs: names(node).inputs.slice(0, 1), outputs: names(node).outputs },
  ],
  Div: direct('Div'),
  Equal: direct('Equal'),
  Erf: direct('Erf'),
  Exp: direct('Exp'),
  Expand: direct<'Expand'>('Expand', undefined, (node, context) => [context.extents(node.attributes.shape)]),
  Gather: direct('Gather'),
  GatherElements: direct<'GatherElements'>('GatherElements', ({ axis }) => ({ axis: { int: axis } })),
  Gemm: direct<'Gemm'>('Gemm', ({ transA, transB }) => ({
    transA: { int: transA ? 1 : 0 },
    transB: { int: transB ? 1 : 0 },
  })),
  Less: direct('Less'),
  LessOrEqual: direct('LessOrEqual'),
  Log: direct('Log'),
  MatMul: direct('MatMul'),
  Max: direct('Max'),
  Min: direct('Min'),
  Mul: direct('Mul'),
  Neg: direct('Neg'),
  Or: direct('Or'),
  Reciprocal: direct('Reciprocal'),
  ReduceMax: reduction('ReduceMax'),
  ReduceMean: reduction('ReduceMean'),
  ReduceSum: reduction('ReduceSum'),
  Reshape: direct<'Reshape'>('Reshape', undefined, (node, context) => [reshapeTarget(node.attributes.shape, context)]),
  RMSNormalization: direct<'RMSNormalization'>('RMSNormalization', ({ epsilon }) => ({
    axis: { int: -1 },
    epsilon: { float: epsilon },
  })),
  RotaryEmbedding: direct<'RotaryEmbedding'>('RotaryEmbedding', ({ heads }) => ({ num_heads: { int: heads } })),
  PadTo: direct('Pad'),
  SliceRange: direct<'SliceRange'>('Slice', undefined, (node, context) => [context.indices([node.attributes.axis])]),
  Scan: (node, context) => {
    const { body, states } = node.attributes;
    return [
      {
        operator: 'Scan',
        ...names(node),
        attributes: {
          body: { graph: context.body(body) },
          num_scan_inputs: { int: node.inputs.length - states },
        },
      },
    ];
  },
  Sigmoid: direct('Sigmoid'),
  Slice: direct<'Slice'>('Slice', undefined, (node, context) => {
    const { axis, start, end } = node.attributes;
    return [context.indices([start]), context.indices([end]), context.indices([axis])];
  }),
  Softmax: direct('Softmax', () => ({ axis: { int: -1 } })),
  Sqrt: direct('Sqrt'),
  Sub: direct('Sub'),
  Tanh: direct('Tanh'),
  Transpose: direct<'Transpose'>('Transpose', ({ permutation }) => ({ perm: { ints: permutation } })),
  Where: direct('Where'),
};
