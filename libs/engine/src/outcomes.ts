import type { PairOutcome, SequenceLogProbs } from './engine.ts';
import type { ReferenceSums } from './objective-feeds.ts';
import { PAIR_OUTPUTS } from './objective-program.ts';
import type { Pack } from './pack.ts';
import type { TensorData } from './session.ts';

/** What comes out of sessions, as the engine's callers see it. */

/** Summed log-probabilities of pairs under the reference. */
export function referenceSums(scored: readonly (readonly SequenceLogProbs[])[]): ReferenceSums {
  const side = (index: 0 | 1) => scored.map((both) => both[index]?.sum ?? Number.NaN);
  return { chosen: side(0), rejected: side(1) };
}

/** Cuts the head's rows into the log-probabilities of each row's responses; sums are taken in float64. */
export function sequenceLogProbs(pack: Pack, logProbs: TensorData): SequenceLogProbs[][] {
  const all = logProbs.data as Float32Array;
  return pack.spans.map((spans) =>
    spans.map(({ start, count }) => {
      const own = all.slice(start, start + count);
      const sum = own.reduce((total, logProb) => total + logProb, 0);
      return { sum, mean: sum / count, tokens: count, logProbs: own };
    }),
  );
}

export function pairNumbers(outputs: Record<string, TensorData>, index: number): [number, number, number] {
  return PAIR_OUTPUTS.map((name) => Number(outputs[name]?.data[index])) as [number, number, number];
}

export function outcome(
  chosen: SequenceLogProbs,
  rejected: SequenceLogProbs,
  loss: number,
  rewardChosen: number,
  rewardRejected: number,
): PairOutcome {
  return { chosen, rejected, loss, rewardChosen, rewardRejected, margin: rewardChosen - rewardRejected };
}
