import { AlphapoError } from '@alphapo/base';

/** The element types of values in a graph; `i64` are indices, `bool` are masks. */
export type ElementType = 'f32' | 'f64' | 'f16' | 'bf16' | 'i64' | 'bool';

/** Whether a type has fewer bits than float32: what to multiply in, not what to sum in. */
export const isNarrow = (type: ElementType): boolean => type === 'f16' || type === 'bf16';

/** An extent: a number, or the name of one that is known only when the graph runs. */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

/** A tensor in a graph: an input, a constant, a weight, or the output of a node. */
export interface Value {
  readonly graph: Graph;
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  /** The node that computes it; undefined for inputs, constants and weights. */
  readonly node: Node | undefined;
}

/**
 * A gradient that is zero but for some rows: `rows` [N, D] are to be added to the rows at `indices` [N], an index may come
 * more than once. What a table gets whose rows were looked up.
 */
export interface RowGradient {
  readonly indices: Value;
  readonly rows: Value;
}

/** A part of a value's gradient. */
export type Contribution = Value | RowGradient;

/** One application of an operator; operators.ts says which there are, and what attributes each has. */
export interface Node {
  readonly operator: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: unknown;
}

/** Constant elements held in the graph itself. */
export interface Constant {
  readonly value: Value;
  readonly data: Float32Array | Float64Array | BigInt64Array | Uint8Array;
}

/** A frozen tensor that lies in a file, as ONNX external data. */
export interface Weight {
  readonly value: Value;
  /** File name within the model's folder. */
  readonly location: string;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** How a shape-inference function describes an output. */
export interface OutputType {
  readonly type: ElementType;
  readonly shape: Shape;
}

/**
 * A graph under construction. Nodes are kept in the order in which they were added, which is a topological order.
 * A graph with a parent is the body of a loop: it may use the parent's values as they are.
 */
export class Graph {
  readonly parent: Graph | undefined;
  readonly inputs: Value[] = [];
  readonly outputs: { readonly name: string; readonly value: Value }[] = [];
  readonly nodes: Node[] = [];
  readonly constants: Constant[] = [];
  readonly weights: Weight[] = [];
  readonly #prefix: string;
  readonly #scalars = new Map<string, Value>();
  #counter = 0;

  constructor(parent?: Graph, prefix = '') {
    this.parent = parent;
    this.#prefix = prefix;
  }

  /** A tensor given at every run. */
  input(name: string, type: ElementType, shape: Shape): Value {
    const value: Value = { graph: this, name: this.#prefix + name, type, shape, node: undefined };
    this.inputs.push(value);
    return value;
  }

  output(name: string, value: Value): void {
    this.outputs.push({ name: this.#prefix + name, value });
  }

  weight(name: string, type: ElementType, shape: readonly number[], place: Omit<Weight, 'value'>): Value {
    const value: Value = { graph: this, name, type, shape, node: undefined };
    this.weights.push({ value, ...place });
    return value;
  }

  constant(type: ElementType, shape: readonly number[], elements: readonly number[]): Value {
    const value: Value = { graph: this, name: this.#fresh('constant'), type, shape, node: undefined };
    this.constants.push({ value, data: encodeConstant(type, elements) });
    return value;
  }

  /** A rank-0 constant; equal ones are made once. */
  scalar(type: ElementType, element: number): Value {
    const key = `${type}:${Object.is(element, -0) ? '-0' : element}`;
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const value = isNarrow(type) ? this.#narrowed(type, element) : this.constant(type, [], [element]);
    this.#scalars.set(key, value);
    return value;
  }

  #narrowed(type: ElementType, element: number): Value {
    return this.append('Cast', [this.scalar('f32', element)], { to: type }, [{ type, shape: [] }])[0] as Value;
  }

  /** Adds a node and returns its outputs. */
  append(
    operator: string,
    inputs: readonly Value[],
    attributes: unknown,
    types: readonly OutputType[],
  ): readonly Value[] {
    const outputs: Value[] = [];
    const node: Node = { operator, inputs, outputs, attributes };
    for (const { type, shape } of types) {
      outputs.push({ graph: this, name: this.#fresh(operator), type, shape, node });
    }
    this.nodes.push(node);
    return outputs;
  }

  /** A prefix for the names of an inner graph, so that no name of it shadows one of this graph. */
  freshPrefix(stem: string): string {
    return `${this.#fresh(stem)}/`;
  }

  #fresh(stem: string): string {
    return `${this.#prefix}${stem}_${this.#counter++}`;
  }
}

function encodeConstant(type: ElementType, elements: readonly number[]): Constant['data'] {
  switch (type) {
    case 'f32':
      return Float32Array.from(elements);
    case 'f64':
      return Float64Array.from(elements);
    case 'i64':
      return BigInt64Array.from(elements, BigInt);
    case 'bool':
      return Uint8Array.from(elements);
    default:
      throw new AlphapoError('unimplemented', 'CONSTANT_TYPE', `constants of type ${type} are not supported; cast one`);
  }
}
