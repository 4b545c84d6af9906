import type { NodeOf } from './operators.ts';
import type { Graph, Node, Value } from './value.ts';

/** Values that the graph's outputs are computed from; of outer graphs, only those that this one uses directly. */
export function reachable(graph: Graph): Set<Value> {
  const found = new Set<Value>();
  const seen = new Set<Node>();
  const pending = graph.outputs.map(({ value }) => value);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    found.add(value);
    const { node } = value;
    if (node === undefined || value.graph !== graph || seen.has(node)) continue;
    seen.add(node);
    pending.push(...usedBy(node));
  }
  return found;
}

/** What a node needs when it runs: its inputs, and what the body of a loop takes from outside. */
export function usedBy(node: Node): readonly Value[] {
  // Its other inputs are what gradients go to.
  if (node.operator === 'CustomDerivative') return node.inputs.slice(0, 1);
  if (node.operator !== 'Scan') return node.inputs;
  const { body } = (node as NodeOf<'Scan'>).attributes;
  return [...node.inputs, ...[...reachable(body)].filter(({ graph }) => graph !== body)];
}
