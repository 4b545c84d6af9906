import { makingOf } from '../operators.ts';
import type { ElementType, Graph, Node, Value } from '../value.ts';
import { ELEMENT_TYPE, type OnnxNode } from './protobuf.ts';

/**
 * Element types that a device has no kernels for. Values of such a type are float32 in the model that is written, and rounded
 * to the type after every operator: the numbers of a device that has them, apart from the order of sums. Weights are
 * rounded already; they stay as they are stored, and are widened where they are computed with.
 */
export class Rounding {
  readonly #types: ReadonlySet<ElementType>;
  readonly #weights: ReadonlySet<Value>;
  readonly #widened = new Set<Value>();

  constructor(types: readonly ElementType[], graph: Graph) {
    this.#types = new Set(types);
    this.#weights = new Set(graph.weights.map(({ value }) => value));
  }

  /** The type that values of a type have in the model. */
  written(type: ElementType): ElementType {
    return this.#types.has(type) ? 'f32' : type;
  }

  /** What a node was lowered to, with its results rounded. */
  round(node: Node, lowered: readonly OnnxNode[]): readonly OnnxNode[] {
    const taken = this.#widenWeights(node, lowered);
    const [output] = node.outputs;
    if (output === undefined || !this.#types.has(output.type)) return taken;
    const moves = isMoved(node);
    if (moves && !this.#takesStored(node)) return taken;
    const { name, type } = output;
    const [wide, narrow] = [`${name}/wide`, `${name}/narrow`];
    const isNarrow = moves || node.operator === 'Cast';
    const renamed = taken.map((made) => ({
      ...made,
      outputs: made.outputs.map((o) => (o === name ? (isNarrow ? narrow : wide) : o)),
    }));
    return [...renamed, ...(isNarrow ? [] : [castTo(type, wide, narrow)]), castTo('f32', narrow, name)];
  }

  /** Nodes that widen the weights that something computes with; of the outermost graph. */
  get widening(): readonly OnnxNode[] {
    return [...this.#widened].map(({ name }) => castTo('f32', name, wideName(name)));
  }

  #widenWeights(node: Node, lowered: readonly OnnxNode[]): readonly OnnxNode[] {
    if (this.#takesStored(node)) return lowered;
    const weights = node.inputs.filter((value) => this.#weights.has(value) && this.#types.has(value.type));
    if (weights.length === 0) return lowered;
    for (const weight of weights) this.#widened.add(weight);
    const names = new Map(weights.map(({ name }) => [name, wideName(name)]));
    return lowered.map((made) => ({ ...made, inputs: made.inputs.map((input) => names.get(input) ?? input) }));
  }

  /** Whether a node reads a weight as it is stored: to cast it, or to look up rows of it. */
  #takesStored({ operator, inputs }: Node): boolean {
    return (operator === 'Cast' || operator === 'Gather') && this.#weights.has(inputs[0] as Value);
  }
}

/** Whether a node's results have been rounded before. */
const isMoved = (node: Node): boolean => makingOf(node) === 'moves' || makingOf(node) === 'views';

const wideName = (weight: string): string => `${weight}/wide`;

const castTo = (type: ElementType, from: string, to: string): OnnxNode => ({
  operator: 'Cast',
  inputs: [from],
  outputs: [to],
  attributes: { to: { int: ELEMENT_TYPE[type] } },
});
