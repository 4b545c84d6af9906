import type { PreferenceBatch } from '@alphapo/contracts';

/**
 * Whether the run's data has ended: when each partition of `preferences` has. What was said before the place where this
 * optimizer began to read is looked up in the ledger, once it matters.
 */
export class EndOfData {
  readonly #ended = new Set<number>();
  #earlier: (() => AsyncIterable<PreferenceBatch>) | undefined;

  /** `earlier`: the batches before the first that `ends` is asked about. */
  constructor(earlier: () => AsyncIterable<PreferenceBatch>) {
    this.#earlier = earlier;
  }

  /** Takes note of the next batch; whether it was the last one of the run. */
  async ends(batch: PreferenceBatch): Promise<boolean> {
    if (!batch.endOfData) return false;
    this.#note(batch);
    const all = () => this.#ended.size >= batch.sourcePartitions;
    if (all() || this.#earlier === undefined) return all();
    for await (const before of this.#earlier()) this.#note(before);
    this.#earlier = undefined;
    return all();
  }

  #note({ source, endOfData }: PreferenceBatch): void {
    if (endOfData) this.#ended.add(source?.partition ?? 0);
  }
}
