import type { FloatTensors } from '@alphapo/base';
import type { PairResult, TokenizedPair } from '@alphapo/contracts';
import type { BatchTotals } from '@alphapo/engine';
import { addInto } from '@alphapo/optim';
import type { Run } from './run.ts';
import type { Policy } from './training-state.ts';

/** A part of a batch that one scorer computes. */
export interface Shard {
  readonly index: number;
  readonly pairs: readonly TokenizedPair[];
}

/** A batch's shards and what they are computed with. */
export interface ShardWork {
  readonly run: Run;
  /** The step that the gradient is for, counted from 1. */
  readonly step: number;
  readonly policy: Policy;
  readonly batch: BatchTotals;
  readonly shards: readonly Shard[];
}

export interface ComputedShard {
  readonly pairs: readonly PairResult[];
  readonly gradient: FloatTensors;
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

/** Adds the shards' gradients in the order of the shards, into the first one's tensors. */
export function sumGradients(gradients: readonly FloatTensors[]): FloatTensors {
  const [total, ...others] = gradients;
  if (total === undefined) return new Map();
  for (const part of others) addInto(total, part);
  return total;
}
