import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { ElementType, Shape } from '../value.ts';

/**
 * The messages of ONNX (onnx.proto, version 1.17) that a graph needs, as plain objects, and their encoding. Field numbers
 * are those of the ONNX specification.
 */
export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly graph: OnnxGraph };

export interface OnnxTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly content:
    | { readonly bytes: Uint8Array }
    | { readonly location: string; readonly byteOffset: number; readonly byteLength: number };
}

interface OnnxValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

const IR_VERSION = 10;
/** RotaryEmbedding and RMSNormalization came with opset 23. */
const OPSET_VERSION = 23;

/** ONNX's numbers of the types. */
export const ELEMENT_TYPE: Readonly<Record<ElementType, number>> = {
  f32: 1,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  bf16: 16,
};
const EXTERNAL = 1;

/** Writes a length-delimited field. */
function message(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  writer.uint32((field << 3) | 2).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.uint32((field << 3) | 2).string(value);
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.uint32(field << 3).int64(value);
}

function packed(writer: BinaryWriter, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  message(writer, field, (inner) => {
    for (const value of values) inner.int64(value);
  });
}

/** A ModelProto with one graph. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const writer = new BinaryWriter();
  integer(writer, 1, IR_VERSION);
  text(writer, 2, 'alphapo');
  message(writer, 7, (inner) => encodeGraph(inner, graph));
  message(writer, 8, (inner) => integer(inner, 2, OPSET_VERSION));
  return writer.finish();
}

function encodeGraph(writer: BinaryWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) message(writer, 1, (inner) => encodeNode(inner, node));
  text(writer, 2, graph.name);
  for (const tensor of graph.initializers) message(writer, 5, (inner) => encodeTensor(inner, tensor));
  for (const input of graph.inputs) message(writer, 11, (inner) => encodeValueInfo(inner, input));
  for (const output of graph.outputs) message(writer, 12, (inner) => encodeValueInfo(inner, output));
}

function encodeNode(writer: BinaryWriter, node: OnnxNode): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, node.outputs[0] ?? '');
  text(writer, 4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) {
    message(writer, 5, (inner) => encodeAttribute(inner, name, attribute));
  }
}

function encodeAttribute(writer: BinaryWriter, name: string, attribute: OnnxAttribute): void {
  text(writer, 1, name);
  if ('float' in attribute) {
    writer.uint32((2 << 3) | 5).float(attribute.float);
    integer(writer, 20, 1);
  } else if ('int' in attribute) {
    integer(writer, 3, attribute.int);
    integer(writer, 20, 2);
  } else if ('string' in attribute) {
    text(writer, 4, attribute.string);
    integer(writer, 20, 3);
  } else if ('graph' in attribute) {
    message(writer, 6, (inner) => encodeGraph(inner, attribute.graph));
    integer(writer, 20, 5);
  } else {
    packed(writer, 8, attribute.ints);
    integer(writer, 20, 7);
  }
}

function encodeTensor(writer: BinaryWriter, tensor: OnnxTensor): void {
  packed(writer, 1, tensor.shape);
  integer(writer, 2, ELEMENT_TYPE[tensor.type]);
  text(writer, 8, tensor.name);
  if ('bytes' in tensor.content) {
    writer.uint32((9 << 3) | 2).bytes(tensor.content.bytes);
    return;
  }
  const { location, byteOffset, byteLength } = tensor.content;
  for (const [key, value] of Object.entries({ location, offset: `${byteOffset}`, length: `${byteLength}` })) {
    message(writer, 13, (inner) => {
      text(inner, 1, key);
      text(inner, 2, value);
    });
  }
  integer(writer, 14, EXTERNAL);
}

function encodeValueInfo(writer: BinaryWriter, { name, type, shape }: OnnxValueInfo): void {
  text(writer, 1, name);
  message(writer, 2, (typeProto) =>
    message(typeProto, 1, (tensorType) => {
      integer(tensorType, 1, ELEMENT_TYPE[type]);
      message(tensorType, 2, (shapeProto) => {
        for (const dimension of shape) {
          message(shapeProto, 1, (inner) =>
            typeof dimension === 'number' ? integer(inner, 1, dimension) : text(inner, 2, dimension),
          );
        }
      });
    }),
  );
}
