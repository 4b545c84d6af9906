import type { Random } from '@alphapo/base';
import { logSumExp, type TokenLogProb } from './log-softmax.ts';

/** How the next token is chosen. */
export interface SamplingSettings {
  /** Divides the logits; 0: always the most probable token. */
  readonly temperature: number;
  /** Only so many of the most probable tokens; undefined: all. */
  readonly topK?: number | undefined;
  /** Only the most probable tokens that together reach this probability. arXiv:1904.09751. */
  readonly topP?: number | undefined;
  /** Only tokens that are at least this share as probable as the most probable one. arXiv:2407.01082. */
  readonly minP?: number | undefined;
  /** Divides positive logits of tokens that occurred, and multiplies negative ones. arXiv:1909.05858. */
  readonly repetitionPenalty?: number | undefined;
}

/**
 * Chooses a token by its logits [V]. Cuts are made in transformers' order: penalty, temperature, top-k,
 * top-p, min-p; its log-probability is that before them. `occurred`: the tokens of prompt and continuation so far. Of equally probable tokens the first is taken.
 */
export function sampleToken(
  logits: Float32Array,
  settings: SamplingSettings,
  { random, occurred }: { readonly random: Random; readonly occurred: ReadonlySet<number> },
): TokenLogProb {
  const { temperature, repetitionPenalty = 1 } = settings;
  const chosenBy = repetitionPenalty === 1 ? logits : penalized(logits, occurred, repetitionPenalty);
  const token = temperature === 0 ? argmax(chosenBy) : drawn(chosenBy, settings, random);
  return { token, logProb: (logits[token] as number) - logSumExp(logits) };
}

function penalized(logits: Float32Array, occurred: ReadonlySet<number>, penalty: number): Float32Array {
  const result = Float32Array.from(logits);
  for (const token of occurred) {
    const logit = logits[token] as number;
    result[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return result;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

function drawn(logits: Float32Array, settings: SamplingSettings, random: Random): number {
  const { temperature, topK = logits.length, topP = 1, minP = 0 } = settings;
  const largest = logits[argmax(logits)] as number;
  const shareOf = (token: number) => Math.exp(((logits[token] as number) - largest) / temperature);
  const worthSorting = largest + temperature * Math.log(NEGLIGIBLE);
  const tokens: number[] = [];
  for (let i = 0; i < logits.length; i++) if ((logits[i] as number) >= worthSorting) tokens.push(i);
  tokens.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  const shares = tokens.slice(0, topK).map(shareOf);
  const kept = shares.slice(0, nucleus(shares, topP)).filter((share) => share >= minP);
  let left = random.next() * kept.reduce((sum, share) => sum + share, 0);
  const index = kept.findIndex((share) => {
    left -= share;
    return left < 0;
  });
  return tokens[index < 0 ? kept.length - 1 : index] as number;
}

/** A token of less than this share of the most probable one is never drawn: one in so many draws would be. */
const NEGLIGIBLE = 1e-12;

/** How many of the largest shares reach the part `topP` of their sum. */
function nucleus(shares: readonly number[], topP: number): number {
  const total = shares.reduce((sum, share) => sum + share, 0);
  let sum = 0;
  for (const [i, share] of shares.entries()) {
    sum += share;
    if (sum >= topP * total) return i + 1;
  }
  return shares.length;
}
