import { MAX_RECORD_BYTES } from '@alphapo/base';
import { settingError } from '@alphapo/settings';

/** Pairs of one shard: a scorer holds their results and tokens until the gradient is sent. */
export const MAX_SHARD_PAIRS = 4096;

/** A token id of less than 2^21, as it is encoded. */
const TOKEN_BYTES = 3;
/** A pair without its tokens: an id of 1,000 characters, offsets, lengths, and what was cut off. */
const PAIR_BYTES = 3_000 + 64;
/** A batch, or the request for its gradient, without the pairs. */
const BATCH_BYTES = 16 * 1024;

/**
 * Refuses batches that could become larger than a record, or shards that no scorer takes, however long the pairs will be:
 * the tokenizer or the scorer would find out in the middle of a run. Errors: INVALID_SETTING.
 */
export function checkBatch(
  { pairs, shards }: { readonly pairs: number; readonly shards: number },
  maxLength: number,
): void {
  const shardPairs = Math.ceil(pairs / shards);
  if (shardPairs > MAX_SHARD_PAIRS) {
    settingError(
      'batchSize',
      `${pairs} pairs in ${shards} shards are ${shardPairs} each, but a scorer takes at most ${MAX_SHARD_PAIRS}: lower it, or raise shards to ${Math.ceil(pairs / MAX_SHARD_PAIRS)}`,
    );
  }
  const longestPair = PAIR_BYTES + 2 * maxLength * TOKEN_BYTES;
  const most = Math.floor((MAX_RECORD_BYTES - BATCH_BYTES) / longestPair);
  if (pairs <= most) return;
  if (most === 0)
    settingError('maxLength', `a pair of ${maxLength} tokens per sequence exceeds the record limit; lower max-length`);
  settingError(
    'batchSize',
    `${pairs} pairs of ${maxLength} tokens per sequence (max-length) can exceed the record limit of ${MAX_RECORD_BYTES} bytes: lower it to ${most}, or lower max-length`,
  );
}
