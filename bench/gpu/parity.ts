import { openSafetensors } from '@alphapo/safetensors';

/** How far results are from the reference. */
export interface Differences {
  /** Largest difference of a token's log-probability, in nats. */
  readonly logProb: number;
  /** |loss - reference| / |reference|. */
  readonly loss: number;
  /** ||g - reference|| / ||reference|| over all tensors. */
  readonly gradient: number;
}

/** Compares two files of the kind that reference.py writes. */
export async function differencesOf(file: string, referenceFile: string): Promise<Differences> {
  const [found, reference] = [await openSafetensors(file), await openSafetensors(referenceFile)];
  const both = async (name: string) => [await found.readFloat64(name), await reference.readFloat64(name)] as const;
  const distance = (a: Float64Array, b: Float64Array) => a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN)));
  const [logProbs, expected] = await both('log_probs');
  const [loss, expectedLoss] = await both('loss');
  let [square, norm] = [0, 0];
  for (const name of reference.tensors.keys()) {
    if (!name.startsWith('grad.')) continue;
    const [gradient, exact] = await both(name);
    for (const x of distance(gradient, exact)) square += x * x;
    for (const x of exact) norm += x * x;
  }
  return {
    logProb: distance(logProbs, expected).reduce((a, b) => Math.max(a, b), 0),
    loss: Math.abs(((loss[0] ?? Number.NaN) - (expectedLoss[0] as number)) / (expectedLoss[0] as number)),
    gradient: Math.sqrt(square / norm),
  };
}
