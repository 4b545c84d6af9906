import { makingOf, type NodeOf } from './operators.ts';
import { reachable, usedBy } from './reachable.ts';
import { shapeError } from './shapes.ts';
import type { Dimension, ElementType, Graph, Node, Shape, Value } from './value.ts';

const BYTES: Readonly<Record<ElementType, number>> = { f64: 8, f32: 4, f16: 2, bf16: 2, i64: 8, bool: 1 };

/**
 * The most bytes that a graph's computed values take at once, when its nodes run in their order and each value's memory
 * is used again after its last use. Inputs, constants and weights, also those in another type, are not counted; outputs
 * count until the end.
 *
 * @param extents the number behind each dimension's name
 */
export function peakBytes(graph: Graph, extents: Readonly<Record<string, number>>): number {
  const computed = reachable(graph);
  const weights = new Set(graph.weights.map(({ value }) => value));
  // A weight in another type is computed once, when a session is made.
  const isFolded = ({ operator, inputs }: Node) => operator === 'Cast' && inputs.every((input) => weights.has(input));
  const nodes = graph.nodes.filter((node) => !isFolded(node) && node.outputs.some((output) => computed.has(output)));
  const memory = memoryOf(nodes);
  const lastUse = lastUses(graph, nodes, memory);
  const live = new Map<Value, number>();
  let now = 0;
  let peak = 0;
  const free = (value: Value) => {
    now -= live.get(value) ?? 0;
    live.delete(value);
  };
  nodes.forEach((node, place) => {
    const dying = usedBy(node)
      .map(memory)
      .filter((value) => live.has(value) && lastUse.get(value) === place);
    for (const output of node.outputs) {
      if (!computed.has(output) || memory(output) !== output) continue;
      const bytes = bytesOf(output, extents);
      const overwritten =
        makingOf(node) === 'overwrites' ? dying.find((value) => live.get(value) === bytes) : undefined;
      if (overwritten !== undefined) free(overwritten);
      live.set(output, bytes);
      now += bytes;
    }
    peak = Math.max(peak, now + bodyBytes(node, extents));
    for (const value of [...dying, ...node.outputs.filter((output) => !lastUse.has(memory(output)))]) free(value);
  });
  return peak;
}

/** The value whose memory each value uses: its own, unless its node is a view of the input. */
function memoryOf(nodes: readonly Node[]): (value: Value) => Value {
  const views = new Map<Value, Value>();
  const memory = (value: Value): Value => views.get(value) ?? value;
  for (const node of nodes) {
    const [output, input] = [node.outputs[0], node.inputs[0]];
    if (makingOf(node) === 'views' && output !== undefined && input !== undefined) views.set(output, memory(input));
  }
  return memory;
}

/** Index of the node that uses each memory last; outputs of the graph are never freed. */
function lastUses(graph: Graph, nodes: readonly Node[], memory: (value: Value) => Value): Map<Value, number> {
  const last = new Map<Value, number>();
  nodes.forEach((node, place) => {
    for (const value of usedBy(node)) last.set(memory(value), place);
  });
  for (const { value } of graph.outputs) last.set(memory(value), Number.POSITIVE_INFINITY);
  return last;
}

function bodyBytes(node: Node, extents: Readonly<Record<string, number>>): number {
  if (node.operator !== 'Scan') return 0;
  return peakBytes((node as NodeOf<'Scan'>).attributes.body, extents);
}

function bytesOf({ type, shape }: Value, extents: Readonly<Record<string, number>>): number {
  return BYTES[type] * elementsOf(shape, extents);
}

function elementsOf(shape: Shape, extents: Readonly<Record<string, number>>): number {
  return shape.reduce<number>((product, dimension) => product * extentOf(dimension, extents), 1);
}

/** Sums and products of names, as productOf and Concat make them. */
function extentOf(dimension: Dimension, extents: Readonly<Record<string, number>>): number {
  if (typeof dimension === 'number') return dimension;
  const known = extents[dimension];
  if (known !== undefined) return known;
  const sums = dimension.split('+');
  if (sums.length > 1) return sums.reduce((sum, part) => sum + extentOf(number(part), extents), 0);
  const factors = dimension.split('*');
  if (factors.length > 1) return factors.reduce((product, part) => product * extentOf(number(part), extents), 1);
  return shapeError('memory', `no extent is given for ${dimension}`);
}

const number = (text: string): Dimension => (/^\d+$/.test(text) ? Number(text) : text);
