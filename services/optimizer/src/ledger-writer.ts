import { AlphapoError } from '@alphapo/base';
import type { Topics } from '@alphapo/contracts';
import { type EventLog, type FencedWriter, type OutgoingRecord, patiently, type Waiting } from '@alphapo/messaging';
import type { Logger } from '@alphapo/telemetry';
import type { OptimizerEvents } from './events.ts';
import type { Lease } from './lease.ts';
import type { PublishedSteps } from './published-steps.ts';

export interface LedgerParts {
  readonly log: EventLog;
  readonly topics: Pick<Topics, 'trainingSteps' | 'preferenceBatches' | 'optimizerGroup'>;
  readonly runId: string;
  /** The run's steps, which are read on to their end. */
  readonly published: PublishedSteps;
  /** Is asked before the writer is opened again: whoever took it must not be fenced. */
  readonly lease: Lease;
  readonly logger: Logger<OptimizerEvents>;
}

/** One transaction: records, and how far the optimizer's group has come with them. */
export interface LedgerWrite {
  /** In words. */
  readonly what: string;
  readonly records: readonly OutgoingRecord[];
  /** The group's next offset in the ledger of batches. */
  readonly nextOffset: bigint;
  /** How many steps of the run are published once it is written. */
  readonly stepsAfter: number;
}

/**
 * The exclusive writer of a run's steps. A write that the log's troubles cut off is brought to an end here, however long that
 * takes: a step is much work, and is not given up because a broker was away.
 */
export class LedgerWriter implements AsyncDisposable {
  readonly #parts: LedgerParts;
  /** Undefined after a write that failed. */
  #writer: FencedWriter | undefined;
  /** The last write of a step. */
  #last: LedgerWrite | undefined;
  #waiting: Waiting | undefined;

  private constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /** Fences whoever wrote before, and reads all that he published. Errors: STOPPED, and those of reading the published steps. */
  static async open(parts: LedgerParts, signal: AbortSignal): Promise<LedgerWriter> {
    await using opened = new AsyncDisposableStack();
    const writer = opened.use(new LedgerWriter(parts));
    await writer.#patiently('opening the ledger of steps', () => writer.#takeOver(signal), signal);
    opened.move();
    return writer;
  }

  /** What a write waits for, and why; undefined where none does. */
  get waiting(): string | undefined {
    if (this.#waiting === undefined) return undefined;
    return `waiting for the event log: ${this.#waiting.doing} failed and is retried: ${this.#waiting.error}`;
  }

  /**
   * Resolves when the write is committed, for certain and once. While the log is away it waits, until the signal: then it throws
   * STOPPED, and whether the write is there only the next optimizer learns. Where it is there after all, its steps have been
   * read. Errors: FENCED where another optimizer has taken over.
   */
  async write(write: LedgerWrite, signal: AbortSignal): Promise<void> {
    const { published } = this.#parts;
    const { what, records, stepsAfter } = write;
    const work = async () => {
      if (this.#writer === undefined) {
        await this.#recover(stepsAfter, signal);
        // The transaction in doubt was committed, and the group's position with it. A position alone may be written twice.
        if (records.length > 0 && published.steps.length >= stepsAfter) return;
      }
      await this.#commit(write);
    };
    await this.#patiently(what, work, signal);
    if (records.length > 0) this.#last = write;
  }

  #commit({ records, nextOffset }: LedgerWrite): Promise<void> {
    return this.#use((writer) => writer.write(records, [{ ...this.#group, nextOffset }]));
  }

  get #group() {
    const { optimizerGroup: group, preferenceBatches: topic } = this.#parts.topics;
    return { group, topic, partition: 0 };
  }

  /**
   * Opens the writer again after a write that failed, which decides what has become of it. Whoever took over meanwhile is not
   * to be fenced: in the same folder he has the lease, in another one he may have published a step that cannot be from here.
   */
  async #recover(stepsAfter: number, signal: AbortSignal): Promise<void> {
    const { published, lease } = this.#parts;
    // Also waits for brokers that are away.
    await published.readOn(signal);
    if (published.steps.length > stepsAfter) throw takenOver(published.steps.length);
    await lease.assertHeld();
    await this.#takeOver(signal);
    if (published.unread !== 1 || this.#last === undefined) return published.requireAllRead();
    // The broker confirmed it, and died before anybody could read it.
    await this.#commit(this.#last);
  }

  /** The last transaction of whoever held the writer is sure to be visible from then on, or never to be. */
  async #takeOver(signal: AbortSignal): Promise<void> {
    const { log, topics, runId, published } = this.#parts;
    const places = { partitions: [{ topic: topics.trainingSteps, partition: 0 }], groups: [this.#group] };
    // With the topic's name, because the same run under another prefix has its own ledger.
    this.#writer = await log.writer(`optimizer-${topics.trainingSteps}-${runId}`, places);
    await this.#use(() => published.readOn(signal));
  }

  /** After an error a writer is of no use. */
  async #use(work: (writer: FencedWriter) => Promise<void>): Promise<void> {
    const writer = this.#writer as FencedWriter;
    try {
      await work(writer);
    } catch (error) {
      this.#writer = undefined;
      await writer[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #patiently(doing: string, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { logger } = this.#parts;
    const onWaiting = (waiting: Waiting) => {
      this.#waiting = waiting;
      logger.warn('ledger.awaited', { ...waiting });
    };
    try {
      await patiently(doing, work, { signal, onWaiting });
      if (this.#waiting !== undefined) logger.info('ledger.recovered', { doing });
    } finally {
      this.#waiting = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
  }
}

function takenOver(step: number): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'FENCED',
    `another optimizer published step ${step} while this one waited for the event log; this one stops, because only one may write a run's steps`,
  );
}
