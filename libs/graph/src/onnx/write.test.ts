import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  add,
  cast,
  concat,
  customDerivative,
  exp,
  Graph,
  matmul,
  neg,
  reshape,
  softmax,
  transpose,
  type Value,
  writeOnnx,
} from '../index.ts';

type Message = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

/** The fields of a message by their numbers. */
function read(bytes: Uint8Array): Message {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | number)[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value = type === 2 ? reader.bytes() : type === 0 ? Number(reader.int64()) : reader.float();
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

const inner = (message: Message, field: number) => (message.get(field) ?? []).map((bytes) => read(bytes as Uint8Array));
const texts = (message: Message, field: number) =>
  (message.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));

/** Version of the operators, and the types of the nodes in their order, as onnx.proto numbers its fields. */
function modelOf(graph: Graph, rounded: Parameters<typeof writeOnnx>[1]['rounded'] = []) {
  const model = read(writeOnnx(graph, { rounded }));
  const [written] = inner(model, 7) as [Message];
  return {
    opset: inner(model, 8).flatMap((opset) => opset.get(2) ?? []),
    nodes: inner(written, 1).map((node) => texts(node, 4)[0]),
    inputs: inner(written, 11).flatMap((input) => texts(input, 1)),
    outputs: inner(written, 12).flatMap((output) => texts(output, 1)),
  };
}

/** The nodes of one function of a matrix. */
function nodesOf(type: 'f32' | 'bf16', build: (x: Value) => Value, rounded: readonly ('bf16' | 'f16')[] = []) {
  const graph = new Graph();
  graph.output('y', build(graph.input('x', type, ['T', 4])));
  return modelOf(graph, rounded).nodes;
}

test('a model is of opset 23, with the inputs and outputs of its graph', () => {
  const graph = new Graph();
  const [a, b] = [graph.input('a', 'f32', ['T', 4]), graph.input('b', 'f32', [4, 5])];
  graph.output('y', softmax(matmul(a, b)));
  expect(modelOf(graph)).toEqual({
    opset: [23],
    nodes: ['MatMul', 'Softmax', 'Identity'],
    inputs: ['a', 'b'],
    outputs: ['y'],
  });
});

test('only what outputs need is written', () => {
  expect(
    nodesOf('f32', (x) => {
      exp(x);
      return neg(x);
    }),
  ).toEqual(['Neg', 'Identity']);
});

test('a custom derivative is written as the identity, without the values that only gradients need', () => {
  expect(nodesOf('f32', (x) => customDerivative(neg(x), [exp(x)], (gradient) => [gradient]))).toEqual([
    'Neg',
    'Identity',
    'Identity',
  ]);
});

test('one unknown extent is left to Reshape, more are computed first', () => {
  expect(nodesOf('f32', (x) => reshape(x, [2, 2, 'T']))).toEqual(['Reshape', 'Identity']);
  const graph = new Graph();
  graph.output('y', reshape(graph.input('x', 'f32', ['T', 'P']), ['P', 'T']));
  expect(modelOf(graph).nodes).toEqual(['Shape', 'Shape', 'Concat', 'Reshape', 'Identity']);
});

test('values of a rounded type are rounded after every operator', () => {
  expect(nodesOf('bf16', (x) => exp(x))).toEqual(['Exp', 'Identity']);
  expect(nodesOf('bf16', (x) => add(exp(x), x), ['bf16'])).toEqual([
    ...['Exp', 'Cast', 'Cast'],
    ...['Add', 'Cast', 'Cast'],
    'Identity',
  ]);
});

test('operators that only move or view elements are not rounded again', () => {
  expect(nodesOf('bf16', (x) => concat([reshape(transpose(x, [1, 0]), ['T', 4]), x], 0), ['bf16'])).toEqual([
    ...['Transpose', 'Reshape', 'Concat'],
    'Identity',
  ]);
});

test('another type is not rounded', () => {
  expect(nodesOf('bf16', (x) => cast(exp(x), 'f32'), ['f16'])).toEqual(['Exp', 'Cast', 'Identity']);
});
