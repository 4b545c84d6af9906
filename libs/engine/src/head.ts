import {
  add,
  type Contribution,
  customDerivative,
  gather,
  gatherElements,
  gemm,
  log,
  mul,
  neg,
  productOf,
  reduceMax,
  reshape,
  type Shape,
  scan,
  softmax,
  sub,
  type Value,
  zeros,
} from '@alphapo/graph';

/**
 * Log-probabilities of target tokens without keeping logits. Hidden states come in K chunks of C rows; each chunk's
 * logits [C, V] live only inside a loop. A chunk gives its rows' log-probabilities and, since
 *
 *     d log p(y) / d h = W[y] - sum_v p_v W[v],
 *
 * their unscaled gradients; those are scaled by what arrives from the objective, once it is known.
 *
 * @param hidden [K, C, D]
 * @param weight the head's matrix [V, D]
 * @param targets token ids [K, C]
 * @returns log-probabilities [K, C], in nats
 */
export function targetLogProbs(hidden: Value, weight: Value, targets: Value, training: HeadTraining): Value {
  switch (training) {
    case 'none':
      return reshape(loop(hidden, weight, targets, () => [])[0] as Value, targets.shape);
    case 'frozen-weight': {
      const [logProbs, gradients] = loop(hidden, weight, targets, (p, target) => [
        sub(gather(weight, target), gemm(p, weight)),
      ]) as [Value, Value];
      return customDerivative(reshape(logProbs, targets.shape), [hidden], (arriving) => [
        mul(gradients, reshape(arriving, columnShape(targets))),
      ]);
    }
    case 'trained-weight': {
      const [logProbs] = loop(hidden, weight, targets, () => []) as [Value];
      return trained(logProbs, { hidden, weight, targets }, (scales) => recomputed(hidden, weight, scales));
    }
    case 'trained-weight-kept': {
      const rows = flat(hidden);
      const { logProbs, probabilities } = rowLogProbs(rows, weight, flat(targets));
      return trained(logProbs, { hidden, weight, targets }, (scales) => {
        const scaled = mul(probabilities, neg(flat(scales)));
        return {
          hidden: reshape(gemm(scaled, weight), hidden.shape),
          weight: gemm(scaled, rows, { transA: true }),
        };
      });
    }
  }
}

/**
 * What is differentiated: nothing, the hidden states only, or the head's matrix as well. Then the probabilities are either
 * computed again, chunk by chunk, or kept from the forward pass (K C V elements).
 */
export type HeadTraining = 'none' | 'frozen-weight' | 'trained-weight' | 'trained-weight-kept';

/** [K, C, …] as rows [K C, …]. */
const flat = (x: Value): Value => reshape(x, [productOf(x.shape.slice(0, 2)), ...x.shape.slice(2)]);

const columnShape = (targets: Value): Shape => [...targets.shape, 1];

/** Runs over the chunks: log-probabilities [K, C, 1], then what `more` makes of the probabilities [C, V]. */
function loop(
  hidden: Value,
  weight: Value,
  targets: Value,
  more: (probabilities: Value, target: Value) => readonly Value[],
): readonly Value[] {
  return scan(hidden.graph, [], [hidden, targets], (_states, slices) => {
    const [h, target] = slices as [Value, Value];
    const { logProbs, probabilities } = rowLogProbs(h, weight, target);
    return { states: [], outputs: [logProbs, ...more(probabilities, target)] };
  }).outputs;
}

/** Log-probabilities [C, 1] of targets [C] and probabilities [C, V] for hidden states h [C, D]. */
function rowLogProbs(h: Value, weight: Value, target: Value): { logProbs: Value; probabilities: Value } {
  const logits = gemm(h, weight, { transB: true });
  const probabilities = softmax(logits);
  // The largest probability is at least 1 / V, so its logarithm is safe: log(sum exp z) = max z - log(max p).
  const normaliser = sub(reduceMax(logits, [1]), log(reduceMax(probabilities, [1])));
  const chosen = gatherElements(logits, reshape(target, columnShape(target)), 1);
  return { logProbs: sub(chosen, normaliser), probabilities };
}

/** Gradients of hidden states [K, C, D] and of the head's matrix [V, D]. */
interface HeadGradients {
  readonly hidden: Value;
  readonly weight: Value;
}

/**
 * Log-probabilities whose derivative includes the head's matrix. With z = h W', p = softmax(z) and scales s [K, C, 1] that
 * arrive, dz = s (onehot(y) - p): `fromProbabilities` gives the part of p, the targets' part is added here.
 */
function trained(
  logProbs: Value,
  { hidden, weight, targets }: { hidden: Value; weight: Value; targets: Value },
  fromProbabilities: (scales: Value) => HeadGradients,
): Value {
  return customDerivative(reshape(logProbs, targets.shape), [hidden, weight, weight], (arriving) => {
    const scales = reshape(arriving, columnShape(targets));
    const parts = fromProbabilities(scales);
    const rows: Contribution = { indices: flat(targets), rows: flat(mul(hidden, scales)) };
    return [add(parts.hidden, mul(gather(weight, targets), scales)), parts.weight, rows];
  });
}

/** Computes the logits once more, chunk by chunk, because the scales were not known before. */
function recomputed(hidden: Value, weight: Value, scales: Value): HeadGradients {
  const start = zeros(weight.graph, 'f32', weight.shape);
  const { states, outputs } = scan(hidden.graph, [start], [hidden, neg(scales)], ([sum], slices) => {
    const [h, minusScale] = slices as [Value, Value];
    const scaled = mul(softmax(gemm(h, weight, { transB: true })), minusScale);
    return {
      states: [gemm(scaled, h, { transA: true, plus: sum as Value })],
      outputs: [gemm(scaled, weight)],
    };
  });
  return { hidden: outputs[0] as Value, weight: states[0] as Value };
}
