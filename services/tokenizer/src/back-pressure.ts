import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '@alphapo/messaging';

/** How often the optimizer's position is looked at while batches are held back. */
const LOOK_MS = 500;

export interface BackPressureOptions {
  readonly batchesTopic: string;
  /** The optimizer's consumer group: its position in `batchesTopic` moves with the steps it publishes. */
  readonly group: string;
  /** Batches beyond that position; undefined: any number. */
  readonly maxBatchesAhead: number | undefined;
  readonly onHeld: (batchesAhead: bigint) => void;
}

/**
 * Holds batches back while the optimizer is far behind, for all partitions of a process. Before an optimizer has ever run,
 * `maxBatchesAhead` batches are there for it, which is what makes an autoscaler start one.
 */
export class BackPressure {
  readonly #log: EventLog;
  readonly #options: BackPressureOptions;
  /** Batches that may be committed before the position is looked at again. */
  #room = 0;
  #looking: Promise<void> | undefined;

  constructor(log: EventLog, options: BackPressureOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Resolves when one more batch may be committed, or the signal aborts. */
  async admit(signal: AbortSignal): Promise<void> {
    const { maxBatchesAhead } = this.#options;
    if (maxBatchesAhead === undefined) return;
    while (this.#room < 1 && !signal.aborted) {
      this.#looking ??= this.#look(maxBatchesAhead, signal).finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
    this.#room--;
  }

  async #look(maxBatchesAhead: number, signal: AbortSignal): Promise<void> {
    const { batchesTopic, group, onHeld } = this.#options;
    for (let looks = 0; !signal.aborted; looks++) {
      const [ahead] = await this.#log.lag(group, batchesTopic);
      if (ahead === undefined) return;
      // Half of it: other tokenizers see the same room.
      this.#room = Math.ceil((maxBatchesAhead - Number(ahead.lag)) / 2);
      if (this.#room >= 1) return;
      if (looks === 0) onHeld(ahead.lag);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  }
}
