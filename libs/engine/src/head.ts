import {
  add,
  customDerivative,
  div,
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
  tanh,
  type Value,
  zeros,
} from '@alphapo/graph';

/** What turns hidden states into logits. */
export interface Head {
  /** [V, D] */
  readonly weight: Value;
  /** Logits are cap * tanh(z / cap) of the products z with the weight, where there is a cap. arXiv:2408.00118. */
  readonly softCap: number | undefined;
}

/**
 * Log-probabilities of target tokens without keeping logits. Hidden states come in K chunks of C rows; each chunk's
 * logits [C, V] live only inside a loop. A chunk gives its rows' log-probabilities and, since
 *
 *     d log p(y) / d h = s_y W[y] - sum_v p_v s_v W[v],
 *
 * their unscaled gradients; those are scaled by what arrives from the objective, once it is known. s_v is the slope of
 * the soft cap at v, 1 - tanh(z_v / cap)^2, and 1 without one.
 *
 * @param hidden [K, C, D]
 * @param targets token ids [K, C]
 * @returns log-probabilities [K, C], in nats
 */
export function targetLogProbs(hidden: Value, head: Head, targets: Value, training: HeadTraining): Value {
  switch (training) {
    case 'none':
      return reshape(loop(hidden, head, targets, () => [])[0] as Value, targets.shape);
    case 'frozen-weight': {
      const { weight } = head;
      const [logProbs, gradients] = loop(hidden, head, targets, (chunk, target) => [
        sub(timesSlope(gather(weight, target), targetSlope(chunk, target)), gemm(sloped(chunk), weight)),
      ]) as [Value, Value];
      return customDerivative(reshape(logProbs, targets.shape), [hidden], (arriving) => [
        mul(gradients, reshape(arriving, columnShape(targets))),
      ]);
    }
    case 'trained-weight': {
      const [logProbs] = loop(hidden, head, targets, () => []) as [Value];
      return customDerivative(reshape(logProbs, targets.shape), [hidden, head.weight], (arriving) =>
        trainedPullback(hidden, head, targets, arriving),
      );
    }
  }
}

/** What is differentiated: nothing, the hidden states only, or the head's matrix as well. */
export type HeadTraining = 'none' | 'frozen-weight' | 'trained-weight';

const columnShape = (targets: Value): Shape => [...targets.shape, 1];

/** A chunk's logits [C, V], their probabilities, and the slopes of the soft cap where there is one. */
interface Chunk {
  readonly logits: Value;
  readonly probabilities: Value;
  readonly slopes: Value | undefined;
}

function chunkOf(hidden: Value, { weight, softCap }: Head): Chunk {
  const products = gemm(hidden, weight, { transB: true });
  if (softCap === undefined) return { logits: products, probabilities: softmax(products), slopes: undefined };
  const bent = tanh(div(products, softCap));
  const logits = mul(bent, softCap);
  return { logits, probabilities: softmax(logits), slopes: sub(1, mul(bent, bent)) };
}

const timesSlope = (x: Value, slope: Value | undefined): Value => (slope === undefined ? x : mul(x, slope));

const sloped = ({ probabilities, slopes }: Chunk): Value => timesSlope(probabilities, slopes);

/** The slope at each row's target [C, 1]. */
const targetSlope = ({ slopes }: Chunk, target: Value): Value | undefined =>
  slopes && gatherElements(slopes, reshape(target, columnShape(target)), 1);

/** Runs over the chunks: log-probabilities [K, C, 1], then what `more` makes of each chunk. */
function loop(
  hidden: Value,
  head: Head,
  targets: Value,
  more: (chunk: Chunk, target: Value) => readonly Value[],
): readonly Value[] {
  return scan(hidden.graph, [], [hidden, targets], (_states, slices) => {
    const [h, target] = slices as [Value, Value];
    const chunk = chunkOf(h, head);
    const { logits, probabilities } = chunk;
    // The largest probability is at least 1 / V, so its logarithm is safe: log(sum exp z) = max z - log(max p).
    const normaliser = sub(reduceMax(logits, [1]), log(reduceMax(probabilities, [1])));
    const chosen = gatherElements(logits, reshape(target, columnShape(target)), 1);
    return { states: [], outputs: [sub(chosen, normaliser), ...more(chunk, target)] };
  }).outputs;
}

/**
 * Gradients of hidden states and matrix for scales g [K, C] that arrive at the log-probabilities. With z = h W' and
 * the slopes s, dz = g (onehot(y) - p) s: the logits are computed once more, because the scales were not known before.
 */
function trainedPullback(hidden: Value, head: Head, targets: Value, scales: Value): readonly Value[] {
  const { weight } = head;
  const column = reshape(scales, columnShape(targets));
  const start = zeros(weight.graph, weight.type, weight.shape);
  const { states, outputs } = scan(hidden.graph, [start], [hidden, neg(column), targets], ([sum], slices) => {
    const [h, minusScale, target] = slices as [Value, Value, Value];
    const chunk = chunkOf(h, head);
    const scaled = mul(sloped(chunk), minusScale);
    const slope = targetSlope(chunk, target);
    return {
      states: [gemm(scaled, h, { transA: true, plus: sum as Value })],
      outputs: [gemm(scaled, weight), ...(slope === undefined ? [] : [slope])],
    };
  });
  const [fromProbabilities] = states as [Value];
  const [hiddenPart, slopes] = outputs as [Value, Value | undefined];
  const ofTarget = timesSlope(column, slopes);
  return [
    add(hiddenPart, mul(gather(weight, targets), ofTarget)),
    scatterAdd(fromProbabilities, targets, mul(hidden, ofTarget)),
  ];
}
