import type { Contestant } from './contestant.ts';
import type { Trial } from './trial.ts';

/** Of the first tokens of each sequence, so many must agree: later ones follow from the first that differs. */
export const COMPARED_TOKENS = 32;
/** With fewer, contestants in the same type did different work. */
const LEAST_AGREEMENT = 0.9;

/** What is measured, per trial; more is better, except of what takes memory. */
export interface Numbers {
  /** Tokens per second, of prompts. */
  readonly prefill: number;
  /** Tokens per second of continuations, after their first tokens. */
  readonly decode: number;
  /** Continuations' tokens per second of the whole time. */
  readonly inAll: number;
}

/** A contestant's medians. */
export interface Row extends Numbers {
  readonly contestant: Contestant;
  readonly sequences: number;
  readonly seconds: number;
  readonly peakMemoryMb: number;
  /** Of decoding's speed: the largest minus the smallest, as a share of the median. */
  readonly spread: number;
  /** Share of the CPUs' time that other processes took, at most. */
  readonly otherWork: number;
  /** Shares of tokens that are AlphaPO's: of the first of each sequence, and of all. */
  readonly sameFirst: number;
  readonly sameOfAll: number;
}

/** Sums up a contestant's trials. `expected`: AlphaPO's tokens of each sequence. */
export function rowOf(
  contestant: Contestant,
  trials: readonly Trial[],
  { promptTokens, expected }: { promptTokens: number; expected: Trial['continuations'] },
): Row {
  const sequences = expected.length;
  const tokens = expected[0]?.length ?? 0;
  const of = (number: (trial: Trial) => number) => median(trials.map(number));
  const speeds = trials.map((trial) => (sequences * (tokens - 1)) / (trial.totalSeconds - trial.firstSeconds));
  const found = trials.at(-1)?.continuations ?? [];
  return {
    ...{ contestant, sequences },
    prefill: (sequences * promptTokens) / of(({ firstSeconds }) => firstSeconds),
    decode: median(speeds),
    inAll: (sequences * tokens) / of(({ totalSeconds }) => totalSeconds),
    seconds: of(({ totalSeconds }) => totalSeconds),
    peakMemoryMb: of(({ peakMemoryMb }) => peakMemoryMb),
    spread: (Math.max(...speeds) - Math.min(...speeds)) / median(speeds),
    otherWork: Math.max(...trials.map(({ otherWork }) => otherWork)),
    sameFirst: agreement(found, expected, COMPARED_TOKENS),
    sameOfAll: agreement(found, expected, tokens),
  };
}

/**
 * How many times as fast AlphaPO is; undefined where a contestant in the same type chose other tokens. Narrower types round
 * differently, so that their tokens may differ although the work is the same.
 */
export function ratio(ours: Row, other: Row, of: keyof Numbers): number | undefined {
  const isSameType = ours.contestant.dtype === other.contestant.dtype;
  return isSameType && other.sameFirst < LEAST_AGREEMENT ? undefined : ours[of] / other[of];
}

function agreement(found: Trial['continuations'], expected: Trial['continuations'], count: number): number {
  const same = expected.flatMap((tokens, i) => tokens.slice(0, count).map((token, j) => token === found[i]?.[j]));
  return same.filter(Boolean).length / same.length;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
