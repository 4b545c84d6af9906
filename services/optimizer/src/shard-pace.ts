/** Shards that are remembered: enough for a median that a few odd ones do not move. */
const REMEMBERED = 64;
/** A shard that takes this many times as long as others is also computed elsewhere. */
const HEDGE_FACTOR = 3;
/** Shards that are faster than this are not worth a second copy. */
const MIN_HEDGE_MS = 1_000;

/** How long shards take, to tell one that hangs. */
export class ShardPace {
  /** Milliseconds per token of the last shards. */
  readonly #paces: number[] = [];

  add(tokens: number, durationMs: number): void {
    this.#paces.push(durationMs / tokens);
    if (this.#paces.length > REMEMBERED) this.#paces.shift();
  }

  /** Milliseconds after which a shard with this many tokens is too slow; infinite before the first shard is done. */
  hedgeAfterMs(tokens: number): number {
    const sorted = this.#paces.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY;
    return Math.max(MIN_HEDGE_MS, HEDGE_FACTOR * median * tokens);
  }
}
