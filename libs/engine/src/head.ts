import {
  add,
  addTo,
  type Contribution,
  cast,
  customDerivative,
  div,
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
  tanh,
  type Value,
  widened,
  zeros,
} from '@alphapo/graph';

/** What turns hidden states into logits. */
export interface Head {
  /** [V, D], in the element type of the hidden states. */
  readonly weight: Value;
  /** The same as it is trained, in float32; the weight itself where it is not. */
  readonly trained: Value;
  /** Logits are cap * tanh(z / cap) of the products z with the weight, where there is a cap. arXiv:2408.00118. */
  readonly softCap: number | undefined;
}

/**
 * Log-probabilities of target tokens. Hidden states come in K chunks of C rows; unless the layout is 'whole', each chunk's
 * logits [C, V] live only inside a loop. A chunk gives its rows' log-probabilities and, since
 *
 *     d log p(y) / d h = s_y W[y] - sum_v p_v s_v W[v],
 *
 * their unscaled gradients; those are scaled by what arrives from the objective, once it is known. s_v is the slope of
 * the soft cap at v, 1 - tanh(z_v / cap)^2, and 1 without one. Products of matrices are of the hidden states' type,
 * everything else float32 at least.
 *
 * @param hidden [K, C, D]
 * @param targets token ids [K, C]
 * @returns log-probabilities [K, C], in nats
 */
export function targetLogProbs(
  hidden: Value,
  head: Head,
  targets: Value,
  { training, logits }: { readonly training: HeadTraining; readonly logits: LogitLayout },
): Value {
  const over = logits === 'whole' ? atOnce : inChunks;
  switch (training) {
    case 'none':
      return reshape(over(hidden, head, targets, () => [])[0] as Value, targets.shape);
    case 'frozen-weight': {
      const { weight } = head;
      const [logProbs, gradients] = over(hidden, head, targets, (chunk, target) => [
        sub(
          timesSlope(widened(gather(weight, target)), targetSlope(chunk, target)),
          widened(gemm(cast(sloped(chunk), weight.type), weight)),
        ),
      ]) as [Value, Value];
      return customDerivative(reshape(logProbs, targets.shape), [hidden], (arriving) => [
        cast(mul(gradients, reshape(arriving, columnShape(targets))), hidden.type),
      ]);
    }
    case 'trained-weight': {
      if (logits === 'chunks') {
        const [logProbs] = inChunks(hidden, head, targets, () => []) as [Value];
        return trained(logProbs, { hidden, head, targets }, (scales) => recomputed(hidden, head, targets, scales));
      }
      const rows = flat(hidden);
      const chunk = chunkOf(rows, head);
      return trained(chunkLogProbs(chunk, flat(targets)), { hidden, head, targets }, (scales) => ({
        ...fromProbabilities(rows, head, sloped(chunk), neg(flat(scales))),
        targetSlopes: targetSlope(chunk, flat(targets)),
      }));
    }
  }
}

/** What is differentiated: nothing, the hidden states only, or the head's matrix as well. */
export type HeadTraining = 'none' | 'frozen-weight' | 'trained-weight';

/**
 * All logits at once, [K C, V], or one chunk's [C, V] at a time. A trained head's gradient needs the probabilities after
 * the forward pass: whole ones are kept, those of chunks are computed again.
 */
export type LogitLayout = 'whole' | 'chunks';

/** [K, C, …] as rows [K C, …]. */
const flat = (x: Value): Value => reshape(x, [productOf(x.shape.slice(0, 2)), ...x.shape.slice(2)]);

const columnShape = (targets: Value): Shape => [...targets.shape, 1];

/** A chunk's logits [C, V], their probabilities, and the slopes of the soft cap where there is one. */
interface Chunk {
  readonly logits: Value;
  readonly probabilities: Value;
  readonly slopes: Value | undefined;
}

function chunkOf(hidden: Value, { weight, softCap }: Head): Chunk {
  const products = widened(gemm(hidden, weight, { transB: true }));
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

/** Log-probabilities [K, C, 1], then what `more` makes of all rows, taken as one chunk. */
function atOnce(
  hidden: Value,
  head: Head,
  targets: Value,
  more: (chunk: Chunk, target: Value) => readonly Value[],
): readonly Value[] {
  const chunk = chunkOf(flat(hidden), head);
  const target = flat(targets);
  return [chunkLogProbs(chunk, target), ...more(chunk, target)].map((x) =>
    reshape(x, [...targets.shape, ...x.shape.slice(1)]),
  );
}

/** The same chunk by chunk, in a loop. */
function inChunks(
  hidden: Value,
  head: Head,
  targets: Value,
  more: (chunk: Chunk, target: Value) => readonly Value[],
): readonly Value[] {
  return scan(hidden.graph, [], [hidden, targets], (_states, slices) => {
    const [h, target] = slices as [Value, Value];
    const chunk = chunkOf(h, head);
    return { states: [], outputs: [chunkLogProbs(chunk, target), ...more(chunk, target)] };
  }).outputs;
}

/** Log-probabilities [C, 1] of a chunk's targets [C]. */
function chunkLogProbs({ logits, probabilities }: Chunk, target: Value): Value {
  // The largest probability is at least 1 / V, so its logarithm is safe: log(sum exp z) = max z - log(max p).
  const normaliser = sub(reduceMax(logits, [1]), log(reduceMax(probabilities, [1])));
  return sub(gatherElements(logits, reshape(target, columnShape(target)), 1), normaliser);
}

/** What the probabilities' part of dz gives for C rows: the gradients of hidden states [C, D] and of the matrix [V, D]. */
interface HeadGradients {
  readonly hidden: Value;
  readonly weight: Value;
}

/** Products of dz = g p s, negative scales times probabilities with their slopes, with the matrix and the hidden states. */
function fromProbabilities(
  h: Value,
  { weight }: Head,
  slopedProbabilities: Value,
  minusScales: Value,
  sum?: Value,
): HeadGradients {
  const scaled = cast(mul(slopedProbabilities, minusScales), weight.type);
  const ofWeight = widened(gemm(scaled, h, { transA: true }));
  return { hidden: widened(gemm(scaled, weight)), weight: sum === undefined ? ofWeight : addTo(sum, ofWeight) };
}

/**
 * Log-probabilities whose derivative includes the head's matrix. With z = h W', slopes s and scales g that arrive,
 * dz = g (onehot(y) - p) s: `probabilityPart` gives what comes from p, the targets' part is added here.
 */
function trained(
  logProbs: Value,
  { hidden, head, targets }: { hidden: Value; head: Head; targets: Value },
  probabilityPart: (scales: Value) => HeadGradients & { readonly targetSlopes: Value | undefined },
): Value {
  const { weight, trained: table } = head;
  return customDerivative(reshape(logProbs, targets.shape), [hidden, table, table], (arriving) => {
    const scales = reshape(arriving, columnShape(targets));
    const part = probabilityPart(scales);
    const ofTarget = timesSlope(scales, part.targetSlopes && reshape(part.targetSlopes, columnShape(targets)));
    const rows: Contribution = { indices: flat(targets), rows: flat(mul(widened(hidden), ofTarget)) };
    const ofHidden = add(reshape(part.hidden, hidden.shape), mul(widened(gather(weight, targets)), ofTarget));
    return [cast(ofHidden, hidden.type), part.weight, rows];
  });
}

/** Computes the logits once more, chunk by chunk, because the scales were not known before. */
function recomputed(hidden: Value, head: Head, targets: Value, scales: Value) {
  const start = zeros(hidden.graph, head.trained.type, head.trained.shape);
  const { states, outputs } = scan(hidden.graph, [start], [hidden, neg(scales), targets], ([sum], slices) => {
    const [h, minusScales, target] = slices as [Value, Value, Value];
    const chunk = chunkOf(h, head);
    const gradients = fromProbabilities(h, head, sloped(chunk), minusScales, sum);
    const slope = targetSlope(chunk, target);
    return { states: [gradients.weight], outputs: [gradients.hidden, ...(slope === undefined ? [] : [slope])] };
  });
  const [ofHidden, targetSlopes] = outputs as [Value, Value | undefined];
  return { hidden: ofHidden, weight: states[0] as Value, targetSlopes };
}
