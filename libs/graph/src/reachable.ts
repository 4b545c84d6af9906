import type { NodeOf } from './operators.ts';
import type { Graph, Value } from './value.ts';

/** Values that the graph's outputs are computed from; of outer graphs, only those that this one uses directly. */
export function reachable(graph: Graph): Set<Value> {
  const found = new Set<Value>();
  const bodies = new Set<Graph>();
  const pending = graph.outputs.map(({ value }) => value);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (found.has(value)) continue;
    found.add(value);
    if (value.node === undefined || value.graph !== graph) continue;
    const inputs = value.node.operator === 'CustomDerivative' ? value.node.inputs.slice(0, 1) : value.node.inputs;
    pending.push(...inputs);
    if (value.node.operator !== 'Scan') continue;
    const { body } = (value.node as NodeOf<'Scan'>).attributes;
    if (bodies.has(body)) continue;
    bodies.add(body);
    for (const inner of reachable(body)) if (inner.graph !== body) pending.push(inner);
  }
  return found;
}
