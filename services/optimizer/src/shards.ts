import type { PairResult, ReportedFingerprint, SkippedStep, TokenizedPair } from '@alphapo/contracts';
import type { BatchTotals } from '@alphapo/engine';
import type { Runner } from '@alphapo/optim';
import type { GradientMemory, GradientSum } from './gradient-sum.ts';
import type { Policy } from './policy.ts';
import type { Run } from './run.ts';

/** A part of a batch that one scorer computes. */
export interface Shard {
  readonly index: number;
  readonly pairs: readonly TokenizedPair[];
}

/** What a scorer was computing, for the log. */
export interface ShardPlace {
  readonly step: number;
  readonly shard: number;
}

/** A batch's shards, what they are computed with, and where their gradients go. */
export interface ShardWork {
  readonly run: Run;
  /** The step that the gradient is for, counted from 1. */
  readonly step: number;
  readonly policy: Policy;
  readonly batch: BatchTotals;
  readonly shards: readonly Shard[];
  readonly memory: GradientMemory;
  readonly sum: GradientSum;
  /** Where the arithmetic of steps runs. */
  readonly runner: Runner;
}

/** What is known of a shard besides its gradient. */
export interface ComputedShard {
  readonly pairs: readonly PairResult[];
  readonly times: ShardTimes;
  /** What the scorer says that it computed with; undefined where it doesn't say. */
  readonly computation: ReportedFingerprint | undefined;
  /** What is not finite in the shard; undefined where all is. */
  readonly nonFinite: SkippedStep | undefined;
}

/** Milliseconds of a shard: of the whole call, and of what the scorer did in it. */
export interface ShardTimes {
  readonly call: number;
  readonly policy: number;
  readonly compute: number;
}

/** Prompt and response tokens of pairs; a pair's prompt counts once. */
export function tokensOf(pairs: readonly TokenizedPair[]): number {
  return pairs.reduce((sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length, 0);
}

/**
 * Cuts a batch into at most `count` parts of consecutive pairs, as equal as can be. The cut depends on the batch alone,
 * so the sums do not depend on how many scorers there are.
 */
export function cutShards(pairs: readonly TokenizedPair[], count: number): Shard[] {
  const shards = Math.min(count, pairs.length);
  return Array.from({ length: shards }, (_, index) => ({
    index,
    pairs: pairs.slice(Math.floor((index * pairs.length) / shards), Math.floor(((index + 1) * pairs.length) / shards)),
  }));
}
