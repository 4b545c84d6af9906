import { customDerivative, reshape, scan } from './build.ts';
import { differentiate } from './differentiate.ts';
import { shapeError } from './shapes.ts';
import type { Value } from './value.ts';

/**
 * f(x), of which only x is kept for the gradient: what f computes on the way is computed again when the gradient arrives
 * (arXiv:1604.06174). The second computation stands in the body of a loop of one round that takes the gradient as its
 * input, so that no runtime can order it before it is needed.
 *
 * @param x what flows through, e.g. the hidden states [T, D] before a layer
 * @param trained values that f may use and whose gradients are wanted
 */
export function recomputed(x: Value, trained: Iterable<Value>, f: (x: Value) => Value): Value {
  const y = f(x);
  const used = usedBetween(x, y, new Set(trained));
  return customDerivative(y, [x, ...used], (gradient) => {
    const { outputs } = scan(x.graph, [], [asRound(x), asRound(gradient)], (_states, slices) => {
      const [again, arriving] = slices as [Value, Value];
      const output = f(again);
      const gradients = differentiate(again.graph, [{ output, gradient: arriving }], [again, ...used]);
      return {
        states: [],
        outputs: gradients.map(({ dense, rows }) => {
          if (dense === undefined || rows.length > 0) return shapeError('recomputed', 'needs dense gradients');
          return dense;
        }),
      };
    });
    return [x, ...used].map((value, i) => reshape(outputs[i] as Value, value.shape));
  });
}

/** [1, …]: the only slice of a loop of one round. */
const asRound = (x: Value): Value => reshape(x, [1, ...x.shape]);

/** Those of `wanted` that y is computed from, apart from what x is computed from. */
function usedBetween(x: Value, y: Value, wanted: ReadonlySet<Value>): Value[] {
  const seen = new Set<Value>([x]);
  const used: Value[] = [];
  const pending = [y];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    if (wanted.has(value)) used.push(value);
    pending.push(...(value.node?.inputs ?? []));
  }
  return used;
}
