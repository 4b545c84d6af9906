import { addTo } from './build.ts';
import { derivatives, type InputGradient, type RuleContext } from './derivatives.ts';
import type { OperatorName } from './operators.ts';
import { shapeError } from './shapes.ts';
import type { Contribution, Graph, Node, RowGradient, Value } from './value.ts';

/** What a wanted value's gradient consists of: a tensor of its shape, and rows to be added to it. */
export interface Gradient {
  /** Undefined where no seeded output depends on the value, or only through looked-up rows. */
  readonly dense: Value | undefined;
  readonly rows: readonly RowGradient[];
}

/**
 * Reverse-mode differentiation: adds to the graph the nodes that compute d(sum of seeds * outputs) / d(each of `wanted`).
 *
 * @param seeds pairs of an output and the gradient that arrives at it, of the output's shape
 * @param wanted inputs or weights of the graph
 */
export function differentiate(
  graph: Graph,
  seeds: readonly { readonly output: Value; readonly gradient: Value }[],
  wanted: readonly Value[],
): Gradient[] {
  const nodes = [...graph.nodes];
  const needed = dependentValues(nodes, wanted);
  const gradients = new Map<Value, Value>();
  const rows = new Map<Value, RowGradient[]>(wanted.map((value) => [value, []]));
  const accumulate = (value: Value, gradient: Contribution) => {
    if ('indices' in gradient) {
      const list = rows.get(value) ?? shapeError('Gather', 'rows of a computed tensor: use gatherRows');
      list.push(gradient);
      return;
    }
    const known = gradients.get(value);
    gradients.set(value, known === undefined ? gradient : addTo(known, gradient));
  };
  for (const { output, gradient } of seeds) accumulate(output, gradient);
  for (const node of nodes.reverse()) {
    const [output, ...others] = node.outputs;
    if (output === undefined || !node.inputs.some((input) => needed.has(input))) continue;
    if (others.some((other) => gradients.has(other))) {
      shapeError(node.operator, 'only the first output of an operator has a derivative');
    }
    const gradient = gradients.get(output);
    if (gradient === undefined) continue;
    gradientsOfInputs(node, output, gradient).forEach((inputGradient, index) => {
      const input = node.inputs[index];
      if (input !== undefined && inputGradient !== undefined && needed.has(input)) accumulate(input, inputGradient());
    });
  }
  return wanted.map((value) => ({ dense: gradients.get(value), rows: rows.get(value) ?? [] }));
}

/** The wanted values and all that is computed from them in a differentiable way. */
function dependentValues(nodes: readonly Node[], wanted: readonly Value[]): Set<Value> {
  const dependent = new Set<Value>(wanted);
  for (const node of nodes) {
    if (derivatives[node.operator as OperatorName] === 'constant') continue;
    const inputs = node.operator === 'CustomDerivative' ? node.inputs.slice(1) : node.inputs;
    if (inputs.some((input) => dependent.has(input))) for (const output of node.outputs) dependent.add(output);
  }
  return dependent;
}

function gradientsOfInputs(node: Node, output: Value, gradient: Value): readonly InputGradient[] {
  const rule = derivatives[node.operator as OperatorName];
  if (rule === 'constant') return [];
  const context = { node, inputs: node.inputs, output, gradient };
  // The table pairs each operator's name with the rule for its attributes; the loop only has their union.
  return (rule as (context: RuleContext<never>) => readonly InputGradient[])(context as unknown as RuleContext<never>);
}
