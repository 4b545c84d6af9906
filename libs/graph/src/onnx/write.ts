import type { OperatorName } from '../operators.ts';
import { reachable } from '../reachable.ts';
import { shapeError } from '../shapes.ts';
import type { Dimension, ElementType, Graph, Node, Shape } from '../value.ts';
import { type LoweringContext, lowerings } from './lower.ts';
import { encodeModel, type OnnxGraph, type OnnxNode, type OnnxTensor } from './protobuf.ts';
import { Rounding } from './rounding.ts';

/**
 * Encodes a graph as an ONNX model. Only what its outputs need is written. Weights are external data: their files are
 * found by ONNX Runtime in the folder given when a session is made.
 *
 * @param rounded element types that are computed in float32 and rounded after every operator
 */
export function writeOnnx(graph: Graph, { rounded }: { readonly rounded: readonly ElementType[] }): Uint8Array {
  return encodeModel(new Writer(graph, undefined, new Rounding(rounded, graph)).write('alphapo'));
}

class Writer implements LoweringContext {
  readonly #graph: Graph;
  readonly #outer: Writer | undefined;
  readonly #rounding: Rounding;
  readonly #vectors: OnnxTensor[] = [];
  readonly #vectorNames = new Map<string, string>();
  /** Nodes that compute extents; they come before all others. */
  readonly #prologue: OnnxNode[] = [];
  readonly #extentNames = new Map<string, string>();
  #counter = 0;

  constructor(graph: Graph, outer: Writer | undefined, rounding: Rounding) {
    this.#graph = graph;
    this.#outer = outer;
    this.#rounding = rounding;
  }

  write(name: string): OnnxGraph {
    const graph = this.#graph;
    const used = reachable(graph);
    const nodes: OnnxNode[] = [];
    for (const node of graph.nodes) {
      if (!node.outputs.some((output) => used.has(output))) continue;
      nodes.push(...this.#rounding.round(node, lower(node, this)));
    }
    for (const output of graph.outputs) {
      nodes.push({ operator: 'Identity', inputs: [output.value.name], outputs: [output.name] });
    }
    const constants = graph.constants
      .filter(({ value }) => used.has(value))
      .map(({ value, data }) => ({
        name: value.name,
        type: value.type,
        shape: value.shape as readonly number[],
        content: { bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
      }));
    const weights = graph.weights
      .filter(({ value }) => used.has(value))
      .map(({ value, ...content }) => ({
        name: value.name,
        type: value.type,
        shape: value.shape as readonly number[],
        content,
      }));
    return {
      name,
      nodes: [...this.#prologue, ...(this.#outer === undefined ? this.#rounding.widening : []), ...nodes],
      initializers: [...constants, ...weights, ...this.#vectors],
      inputs: graph.inputs.map(({ name: input, type, shape }) => ({
        name: input,
        type: this.#rounding.written(type),
        shape,
      })),
      outputs: graph.outputs.map((output) => ({
        name: output.name,
        type: this.#rounding.written(output.value.type),
        shape: output.value.shape,
      })),
    };
  }

  fresh(stem: string): string {
    return `${this.#graph.freshPrefix(stem)}${this.#counter++}`;
  }

  indices(values: readonly number[]): string {
    const key = values.join(',');
    const known = this.#vectorNames.get(key);
    if (known !== undefined) return known;
    const name = this.fresh('vector');
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#vectors.push({ name, type: 'i64', shape: [values.length], content: { bytes } });
    this.#vectorNames.set(key, name);
    return name;
  }

  extents(shape: Shape): string {
    if (shape.every((dimension) => typeof dimension === 'number')) return this.indices(shape);
    const name = this.fresh('extents');
    const inputs = shape.map((dimension) => this.#extent(dimension));
    this.#prologue.push({ operator: 'Concat', inputs, outputs: [name], attributes: { axis: { int: 0 } } });
    return name;
  }

  body(graph: Graph): OnnxGraph {
    return new Writer(graph, this, this.#rounding).write('body');
  }

  /** A vector with one extent: of an input's axis that has this name, or a product of such extents. */
  #extent(dimension: Dimension): string {
    if (typeof dimension === 'number') return this.indices([dimension]);
    const known = this.#extentNames.get(dimension);
    if (known !== undefined) return known;
    const made = dimension.includes('*') ? this.#productExtent(dimension) : this.#inputExtent(dimension);
    this.#extentNames.set(dimension, made);
    return made;
  }

  #productExtent(dimension: string): string {
    const factors = dimension.split('*').map((factor) => this.#extent(/^\d+$/.test(factor) ? Number(factor) : factor));
    return factors.reduce((left, right) => {
      const name = this.fresh('product');
      this.#prologue.push({ operator: 'Mul', inputs: [left, right], outputs: [name] });
      return name;
    });
  }

  #inputExtent(dimension: string): string {
    for (const input of this.#graph.inputs) {
      const axis = input.shape.indexOf(dimension);
      if (axis < 0) continue;
      const name = this.fresh('extent');
      const attributes = { start: { int: axis }, end: { int: axis + 1 } };
      this.#prologue.push({ operator: 'Shape', inputs: [input.name], outputs: [name], attributes });
      return name;
    }
    if (this.#outer !== undefined) return this.#outer.#extent(dimension);
    return shapeError('Reshape', `no input has an axis named ${dimension}`);
  }
}

function lower(node: Node, context: LoweringContext): readonly OnnxNode[] {
  const lowering = lowerings[node.operator as OperatorName] as (
    node: Node,
    context: LoweringContext,
  ) => readonly OnnxNode[];
  return lowering(node, context);
}
