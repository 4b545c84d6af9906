import type { PreferenceBatch } from '@alphapo/contracts';
import { cutShards } from '@alphapo/optimizer';

/** The part of a batch that a pair was computed in. */
export interface ShardPlace {
  /** Counted from 0. */
  readonly index: number;
  readonly of: number;
  /** Of the pair within the shard, counted from 0. */
  readonly position: number;
}

/** Where the pair at a position of a batch is, as the optimizer cuts it into `shards`. */
export function shardPlace({ pairs }: PreferenceBatch, position: number, shards: number): ShardPlace {
  const cut = cutShards(pairs, shards);
  let first = 0;
  for (const { index, pairs: part } of cut) {
    if (position < first + part.length) return { index, of: cut.length, position: position - first };
    first += part.length;
  }
  throw new RangeError(`a batch of ${pairs.length} pairs has no position ${position}`);
}
