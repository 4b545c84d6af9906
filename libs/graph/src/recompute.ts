import { customDerivative, reshape, scan } from './build.ts';
import { differentiate, type Gradient } from './differentiate.ts';
import { shapeError } from './shapes.ts';
import type { Graph, Value } from './value.ts';

/**
 * f(x) that keeps only x for the gradient: intermediate values of f are recomputed when the gradient arrives
 * (arXiv:1604.06174). The second computation stands in the body of a loop of one round that takes the gradient as its
 * input, so that no runtime can order it before it is needed.
 *
 * @param x what flows through, e.g. the hidden states [T, D] before a layer
 * @param trained values that f may use and whose gradients are wanted
 */
export function recomputed(x: Value, trained: Iterable<Value>, f: (x: Value) => Value): Value {
  const y = f(x);
  const { graph } = x;
  const used = sourcesOf([y], new Set(trained), x);
  return customDerivative(y, [x, ...used], (gradient) => {
    let captured: Value[] = [];
    const { outputs } = scan(graph, [], [asRound(x), asRound(gradient)], (_states, slices) => {
      const [again, arriving] = slices as [Value, Value];
      const output = f(again);
      captured = outerInputs(again.graph).filter((value) => sourcesOf([value], new Set(used)).length > 0);
      const gradients = differentiate(again.graph, [{ output, gradient: arriving }], [again, ...captured]);
      return { states: [], outputs: gradients.map(dense) };
    });
    const [ofX, ...ofCaptured] = [x, ...captured].map((value, i) => reshape(outputs[i] as Value, value.shape));
    // What the layer took from outside may be computed there from what is trained, as a norm's weight plus one is.
    const seeds = captured.map((output, i) => ({ output, gradient: ofCaptured[i] as Value }));
    return [ofX as Value, ...differentiate(graph, seeds, used).map(dense)];
  });
}

/** [1, …]: the only slice of a loop of one round. */
const asRound = (x: Value): Value => reshape(x, [1, ...x.shape]);

function dense({ dense: value, rows }: Gradient): Value {
  return value === undefined || rows.length > 0 ? shapeError('recomputed', 'needs dense gradients') : value;
}

/** Values of outer graphs that a body's nodes take. */
function outerInputs(body: Graph): Value[] {
  return [...new Set(body.nodes.flatMap(({ inputs }) => inputs).filter(({ graph }) => graph !== body))];
}

/** Those of `wanted` that values are computed from, apart from what `except` is computed from. */
function sourcesOf(values: readonly Value[], wanted: ReadonlySet<Value>, except?: Value): Value[] {
  const seen = new Set<Value>(except === undefined ? [] : [except]);
  const found: Value[] = [];
  const pending = [...values];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    if (wanted.has(value)) found.push(value);
    pending.push(...(value.node?.inputs ?? []));
  }
  return found;
}
