import {
  add,
  customDerivative,
  gather,
  gatherElements,
  gemm,
  log,
  mul,
  neg,
  reduceMax,
  reshape,
  type Shape,
  scan,
  scatterAdd,
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
      return customDerivative(reshape(logProbs, targets.shape), [hidden, weight], (arriving) =>
        trainedPullback(hidden, weight, targets, arriving),
      );
    }
  }
}

/** What is differentiated: nothing, the hidden states only, or the head's matrix as well. */
export type HeadTraining = 'none' | 'frozen-weight' | 'trained-weight';

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
    const logits = gemm(h, weight, { transB: true });
    const p = softmax(logits);
    // The largest probability is at least 1 / V, so its logarithm is safe: log(sum exp z) = max z - log(max p).
    const normaliser = sub(reduceMax(logits, [1]), log(reduceMax(p, [1])));
    const chosen = gatherElements(logits, reshape(target, columnShape(target)), 1);
    return { states: [], outputs: [sub(chosen, normaliser), ...more(p, target)] };
  }).outputs;
}

/**
 * Gradients of hidden states and matrix for scales s [K, C] that arrive at the log-probabilities. With z = h W' and
 * p = softmax(z), dz = s (onehot(y) - p): the logits are computed once more, because the scales were not known before.
 */
function trainedPullback(hidden: Value, weight: Value, targets: Value, scales: Value): readonly Value[] {
  const column = reshape(scales, columnShape(targets));
  const start = zeros(weight.graph, 'f32', weight.shape);
  const { states, outputs } = scan(hidden.graph, [start], [hidden, neg(column)], ([sum], slices) => {
    const [h, minusScale] = slices as [Value, Value];
    const scaled = mul(softmax(gemm(h, weight, { transB: true })), minusScale);
    return {
      states: [gemm(scaled, h, { transA: true, plus: sum as Value })],
      outputs: [gemm(scaled, weight)],
    };
  });
  const [fromProbabilities] = states as [Value];
  const [hiddenPart] = outputs as [Value];
  return [
    add(hiddenPart, mul(gather(weight, targets), column)),
    scatterAdd(fromProbabilities, targets, mul(hidden, column)),
  ];
}
