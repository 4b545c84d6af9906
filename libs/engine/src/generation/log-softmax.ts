/** A token with its log-probability under the model itself, in nats. */
export interface TokenLogProb {
  readonly token: number;
  readonly logProb: number;
}

/** log(sum(exp(values))). */
export function logSumExp(values: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > largest) largest = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

/** The most probable tokens by their logits [V], best first; of equal ones the lower id first. `total`: `logSumExp` of the logits. */
export function topLogProbs(logits: Float32Array, count: number, total?: number): TokenLogProb[] {
  if (count === 0) return [];
  const best: number[] = [];
  const logit = (token: number | undefined) =>
    (token === undefined ? Number.NEGATIVE_INFINITY : logits[token]) as number;
  for (let token = 0; token < logits.length; token++) {
    if (best.length === count && logit(token) <= logit(best.at(-1))) continue;
    if (best.length === count) best.pop();
    const place = best.findIndex((other) => logit(other) < logit(token));
    best.splice(place < 0 ? best.length : place, 0, token);
  }
  const sum = total ?? logSumExp(logits);
  return best.map((token) => ({ token, logProb: logit(token) - sum }));
}
