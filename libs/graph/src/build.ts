import { type OperatorAttributes, type OperatorName, operators } from './operators.ts';
import { equalShapes, productOf, shapeError, stretchedAxes } from './shapes.ts';
import type { Contribution, Dimension, ElementType, Graph, Shape, Value } from './value.ts';
import { Graph as GraphClass, isNarrow } from './value.ts';

/** Functions that add one operator to the graph of their inputs. A number beside a value is a constant of its type. */
type Operand = Value | number;

/** The innermost graph among the values: inside a loop's body, the body. */
function graphOf(values: readonly Value[]): Graph {
  let graph = values[0]?.graph ?? shapeError('operator', 'has no inputs');
  for (const value of values) if (isWithin(value.graph, graph)) graph = value.graph;
  return graph;
}

function isWithin(inner: Graph, outer: Graph): boolean {
  for (let graph = inner.parent; graph !== undefined; graph = graph.parent) if (graph === outer) return true;
  return false;
}

/** Adds `operator` and returns all its outputs. */
export function applyAll<K extends OperatorName>(
  operator: K,
  inputs: readonly Value[],
  attributes: OperatorAttributes[K],
): readonly Value[] {
  return graphOf(inputs).append(operator, inputs, attributes, operators[operator].outputs(inputs, attributes));
}

/** Adds an operator with one output. */
export function apply<K extends OperatorName>(
  operator: K,
  inputs: readonly Value[],
  attributes: OperatorAttributes[K],
): Value {
  return applyAll(operator, inputs, attributes)[0] as Value;
}

function operands(a: Operand, b: Operand): [Value, Value] {
  if (typeof a === 'number') {
    if (typeof b === 'number') return shapeError('operator', 'needs a value among its operands');
    return [b.graph.scalar(b.type, a), b];
  }
  return [a, typeof b === 'number' ? a.graph.scalar(a.type, b) : b];
}

export const add = (a: Operand, b: Operand): Value => apply('Add', operands(a, b), {});
export const sub = (a: Operand, b: Operand): Value => apply('Sub', operands(a, b), {});
export const mul = (a: Operand, b: Operand): Value => apply('Mul', operands(a, b), {});
export const div = (a: Operand, b: Operand): Value => apply('Div', operands(a, b), {});
export const max = (a: Operand, b: Operand): Value => apply('Max', operands(a, b), {});
export const min = (a: Operand, b: Operand): Value => apply('Min', operands(a, b), {});
export const less = (a: Operand, b: Operand): Value => apply('Less', operands(a, b), {});
export const lessOrEqual = (a: Operand, b: Operand): Value => apply('LessOrEqual', operands(a, b), {});
export const equal = (a: Operand, b: Operand): Value => apply('Equal', operands(a, b), {});
export const and = (a: Value, b: Value): Value => apply('And', [a, b], {});
export const or = (a: Value, b: Value): Value => apply('Or', [a, b], {});

export const abs = (x: Value): Value => apply('Abs', [x], {});
export const neg = (x: Value): Value => apply('Neg', [x], {});
export const exp = (x: Value): Value => apply('Exp', [x], {});
export const log = (x: Value): Value => apply('Log', [x], {});
export const sqrt = (x: Value): Value => apply('Sqrt', [x], {});
export const erf = (x: Value): Value => apply('Erf', [x], {});
export const tanh = (x: Value): Value => apply('Tanh', [x], {});
export const sigmoid = (x: Value): Value => apply('Sigmoid', [x], {});
export const reciprocal = (x: Value): Value => apply('Reciprocal', [x], {});
export const softmax = (x: Value): Value => apply('Softmax', [x], {});
export const cast = (x: Value, to: ElementType): Value => (x.type === to ? x : apply('Cast', [x], { to }));

/** x in float32 if it has fewer bits. */
export const widened = (x: Value): Value => (isNarrow(x.type) ? cast(x, 'f32') : x);

/** f(x) computed in float32 if x has fewer bits: for sums over many elements, and for values outside a narrow type's range. */
export const inFloat32 = (x: Value, f: (wide: Value) => Value): Value => cast(f(widened(x)), x.type);

/** `yes` where the condition holds, else `no`; one of the two may be a number. */
export function where(condition: Value, yes: Operand, no: Operand): Value {
  return apply('Where', [condition, ...operands(yes, no)], {});
}

export const matmul = (a: Value, b: Value): Value => apply('MatMul', [a, b], {});

/** A' B' + C for matrices; each of A and B transposed or not. */
export function gemm(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; plus?: Value } = {}): Value {
  const attributes = { transA: options.transA ?? false, transB: options.transB ?? false };
  return apply('Gemm', options.plus === undefined ? [a, b] : [a, b, options.plus], attributes);
}

/** Axis i of the result is axis permutation[i] of x. Two transpositions in a row become one, or none. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  const { node } = x;
  const [inner] = node?.inputs ?? [];
  if (node?.operator === 'Transpose' && inner !== undefined) {
    const before = (node.attributes as OperatorAttributes['Transpose']).permutation;
    return transpose(
      inner,
      permutation.map((axis) => before[axis] as number),
    );
  }
  return permutation.every((axis, i) => axis === i) ? x : apply('Transpose', [x], { permutation });
}

/** Swaps the last two axes. */
export function transposeMatrix(x: Value): Value {
  const rank = x.shape.length;
  return transpose(
    x,
    x.shape.map((_, axis) => (axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis)),
  );
}

export function reshape(x: Value, shape: Shape): Value {
  return equalShapes(x.shape, shape) ? x : apply('Reshape', [x], { shape });
}

export function expand(x: Value, shape: Shape): Value {
  return equalShapes(x.shape, shape) ? x : apply('Expand', [x], { shape });
}

export const concat = (parts: readonly Value[], axis: number): Value =>
  parts.length === 1 ? (parts[0] as Value) : apply('Concat', parts, { axis });

export const slice = (x: Value, axis: number, start: number, end: number): Value =>
  apply('Slice', [x], { axis, start, end });

/**
 * Rows of a table at indices. If the table was cast, only the rows are cast. A float16 table is the exception, because not every GPU
 * can read it: it is cast as a whole, once, when a session is created.
 */
export function gather(table: Value, indices: Value): Value {
  const [before] = table.node?.operator === 'Cast' ? table.node.inputs : [];
  if (before !== undefined && before.type !== 'f16') return cast(gather(before, indices), table.type);
  return apply('Gather', [table, indices], {});
}

export const gatherElements = (x: Value, indices: Value, axis: number): Value =>
  apply('GatherElements', [x, indices], { axis });

/** x from `from` [1] to `to` [1] along an axis; `extent` names how many those are. */
export const sliceRange = (x: Value, axis: number, from: Value, to: Value, extent: Dimension): Value =>
  apply('SliceRange', [x, from, to], { axis, extent });
/** x with zeros around it, of the shape given; `pads` is ONNX Pad's vector [2 * rank]. */
export const padTo = (x: Value, pads: Value, shape: Shape): Value => apply('PadTo', [x, pads], { shape });

/** Reductions keep the reduced axes with extent 1. */
export const reduceSum = (x: Value, axes: readonly number[]): Value =>
  axes.length === 0 ? x : apply('ReduceSum', [x], { axes });
export const reduceMean = (x: Value, axes: readonly number[]): Value => apply('ReduceMean', [x], { axes });
export const reduceMax = (x: Value, axes: readonly number[]): Value => apply('ReduceMax', [x], { axes });

/** In float32 at least. */
export const rmsNorm = (x: Value, weight: Value, epsilon: number): Value =>
  inFloat32(x, (wide) => apply('RMSNormalization', [wide, weight], { epsilon }));

/** In float32 at least: angles have more digits than a narrow type. */
export const rotaryEmbedding = (x: Value, cos: Value, sin: Value, heads: number): Value =>
  inFloat32(x, (wide) => apply('RotaryEmbedding', [wide, cos, sin], { heads }));

/** Zeros of any shape. */
export function zeros(graph: Graph, type: ElementType, shape: Shape): Value {
  return expand(graph.scalar(type, 0), shape);
}

/** base + x. If x is a matrix product, the product adds the base itself; the node of the plain product drops out unless it has other uses. */
export function addTo(base: Value, x: Value): Value {
  const { node } = x;
  if (node?.operator === 'Gemm' && node.inputs.length === 2 && equalShapes(base.shape, x.shape)) {
    const { transA, transB } = node.attributes as OperatorAttributes['Gemm'];
    const [a, b] = node.inputs as [Value, Value];
    return gemm(a, b, { transA, transB, plus: base });
  }
  return add(base, x);
}

/** Sums a tensor over the axes along which `shape` was stretched to its shape, and gives it `shape`. */
export function sumTo(x: Value, shape: Shape): Value {
  const axes = stretchedAxes(x.shape, shape);
  return reshape(axes.length === 0 ? x : inFloat32(x, (wide) => reduceSum(wide, axes)), shape);
}

/** `result` with a custom derivative: `pullback` turns its gradient into one gradient per input. */
export function customDerivative(
  result: Value,
  inputs: readonly Value[],
  pullback: (gradient: Value) => readonly Contribution[],
): Value {
  return apply('CustomDerivative', [result, ...inputs], { pullback });
}

/**
 * Row t of the result is the sum of the rows sources[0, t], sources[1, t], … of x, added in this order: a scatter-add,
 * written as a gather. ONNX Runtime's ScatterND adds from several threads at once and loses additions if two rows go to the
 * same place.
 *
 * @param x [N, D]
 * @param sources indices [M, T] into the rows of x
 * @returns [T, D]
 */
export function gatherSum(x: Value, sources: Value): Value {
  const [, rows = 0] = sources.shape;
  const start = zeros(x.graph, isNarrow(x.type) ? 'f32' : x.type, [rows, ...x.shape.slice(1)]);
  const { states } = scan(x.graph, [start], [sources], ([sum], [indices]) => ({
    states: [add(sum as Value, widened(gather(x, indices as Value)))],
    outputs: [],
  }));
  return cast(states[0] as Value, x.type);
}

/** Rows of x at `indices`, differentiable: `sources` [M, rows of x] says where each row of x went; see gatherSum. */
export function gatherRows(x: Value, indices: Value, sources: Value): Value {
  const width = x.shape.slice(1);
  return customDerivative(gather(x, indices), [x], (gradient) => {
    const rows = reshape(gradient, [productOf(indices.shape), ...width]);
    // The index after the last row means "no row".
    const nothing = zeros(x.graph, x.type, [1, ...width]);
    return [gatherSum(concat([rows, nothing], 0), sources)];
  });
}

/**
 * A loop over slices along axis 0. `body` gets the carried states and one slice of each of `sequences`, and returns the
 * next states and the round's outputs; outputs come back stacked along axis 0. The body may use outer values freely.
 */
export function scan(
  graph: Graph,
  states: readonly Value[],
  sequences: readonly Value[],
  body: (states: readonly Value[], slices: readonly Value[]) => { states: readonly Value[]; outputs: readonly Value[] },
): { states: readonly Value[]; outputs: readonly Value[] } {
  const length: Dimension = sequences[0]?.shape[0] ?? shapeError('Scan', 'needs a sequence');
  const inner = new GraphClass(graph, graph.freshPrefix('scan'));
  const stateInputs = states.map((state, i) => inner.input(`state_${i}`, state.type, state.shape));
  const slices = sequences.map((sequence, i) => inner.input(`slice_${i}`, sequence.type, sequence.shape.slice(1)));
  const made = body(stateInputs, slices);
  made.states.forEach((state, i) => {
    inner.output(`next_${i}`, state);
  });
  made.outputs.forEach((output, i) => {
    inner.output(`out_${i}`, output);
  });
  const attributes = { body: inner, states: states.length, length };
  const inputs = [...states, ...sequences];
  const outputs = graph.append('Scan', inputs, attributes, operators.Scan.outputs(inputs, attributes));
  return { states: outputs.slice(0, states.length), outputs: outputs.slice(states.length) };
}
