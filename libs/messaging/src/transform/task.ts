import { AlphapoError } from '@alphapo/base';
import { isCallersFault, taskEnded } from '../errors.ts';
import type { LogRecord, OutgoingRecord, PartitionTask } from '../event-log.ts';
import type { PartitionSession } from './backend.ts';

/**
 * A session as its handler sees it. Any failure of the session ends the task permanently, also if the handler swallows the error,
 * and is kept in `interruption`, so that the loop can distinguish failures of the log from failures of the handler.
 */
export class SessionTask implements PartitionTask {
  readonly topic: string;
  readonly partition: number;
  readonly startOffset: bigint;
  readonly signal: AbortSignal;
  #session: PartitionSession;
  #interruption: unknown;
  #committed: bigint;
  #delivered: bigint;

  constructor(topic: string, partition: number, session: PartitionSession, signal: AbortSignal) {
    this.topic = topic;
    this.partition = partition;
    this.startOffset = session.startOffset;
    this.signal = signal;
    this.#session = session;
    this.#committed = session.startOffset;
    this.#delivered = session.startOffset;
  }

  /** The failure of the session that ended this task, or undefined. */
  get interruption(): unknown {
    return this.#interruption;
  }

  /** Whether anything was committed, so that the next start is no repetition of this one. */
  get progressed(): boolean {
    return this.#committed !== this.startOffset;
  }

  async next(timeoutMs: number): Promise<readonly LogRecord[]> {
    const records = await this.#guard(() => this.#session.fetch(timeoutMs, this.signal));
    if (this.signal.aborted) throw taskEnded(this.topic, this.partition);
    const last = records.at(-1);
    if (last !== undefined) this.#delivered = last.offset + 1n;
    return records;
  }

  async commit({ outputs, nextOffset }: { outputs: readonly OutgoingRecord[]; nextOffset: bigint }): Promise<void> {
    if (nextOffset < this.#committed || nextOffset > this.#delivered) {
      throw new AlphapoError(
        'invalid-argument',
        'COMMIT_OFFSET_OUT_OF_RANGE',
        `a commit of topic "${this.topic}", partition ${this.partition}, to offset ${nextOffset} is not between the ` +
          `committed offset ${this.#committed} and the records read so far, which end before ${this.#delivered}`,
      );
    }
    await this.#guard(() => this.#session.commit(outputs, nextOffset));
    this.#committed = nextOffset;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.signal.aborted || this.#interruption !== undefined) {
      throw taskEnded(this.topic, this.partition, this.#interruption);
    }
    try {
      return await work();
    } catch (error) {
      if (isCallersFault(error)) throw error;
      this.#interruption = error;
      throw taskEnded(this.topic, this.partition, error);
    }
  }
}
