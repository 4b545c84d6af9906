import { AlphapoError } from '@alphapo/base';
import { RUN_HEADER, type TrainingStep } from '@alphapo/contracts';
import { type LedgerParts, LedgerWriter } from './ledger-writer.ts';
import type { TakenStep } from './published-steps.ts';

/**
 * The run's records in `training-steps`: each step once, in order, even if it was recomputed after a crash. Opening it fences
 * any earlier optimizer of the run, whose next step then fails before anything becomes visible.
 */
export class StepLedger implements AsyncDisposable {
  readonly #parts: LedgerParts;
  readonly #writer: LedgerWriter;
  readonly #listeners = new Set<() => void>();
  /** The furthest offset that was committed for the group. A write that is repeated may commit an earlier one for a moment. */
  #committed: bigint;

  private constructor(parts: LedgerParts, writer: LedgerWriter, committed: bigint) {
    this.#parts = parts;
    this.#writer = writer;
    this.#committed = committed;
  }

  /** Waits for brokers that are away, until the signal. Errors: STOPPED, and those of reading the published steps. */
  static async open(parts: LedgerParts, signal: AbortSignal): Promise<StepLedger> {
    await using opened = new AsyncDisposableStack();
    const { log, topics } = parts;
    const writer = opened.use(await LedgerWriter.open(parts, signal));
    const [position] = await log.lag(topics.optimizerGroup, topics.preferenceBatches);
    opened.move();
    return new StepLedger(parts, writer, position?.committed ?? 0n);
  }

  /** The steps published so far; index 0 is step 1. */
  get steps(): readonly TakenStep[] {
    return this.#parts.published.steps;
  }

  /** What a step or a position that is to be written waits for, and why; undefined where none does. */
  get waiting(): string | undefined {
    return this.#writer.waiting;
  }

  /**
   * Publishes a step unless it is there already. Waits while the log is away. Throws NOT_REPRODUCED where a step that was
   * computed again came out differently, FENCED where another optimizer has taken over, and STOPPED where the signal aborted
   * before it was known whether the step is there.
   */
  async publish(step: TrainingStep, signal: AbortSignal): Promise<void> {
    if (this.#published(step) === undefined) {
      const record = {
        topic: this.#parts.topics.trainingSteps,
        partition: 0,
        key: step.runId,
        value: JSON.stringify(step),
        headers: { [RUN_HEADER]: step.runId },
      };
      const nextOffset = BigInt(step.batchOffset) + 1n;
      const what = `publishing step ${step.step}`;
      await this.#writer.write({ what, records: [record], nextOffset, stepsAfter: step.step }, signal);
      this.#committed = nextOffset;
      if (this.#published(step) === undefined) this.#parts.published.add(step);
      for (const notify of this.#listeners) notify();
    }
    const published = this.#published(step);
    if (published?.policyDigest === step.policyDigest) return;
    throw new AlphapoError(
      'data-loss',
      'NOT_REPRODUCED',
      `step ${step.step} was recomputed and gave ${step.policyDigest} instead of ${published?.policyDigest}: the hardware, the threads or a library has changed; restore the old ones, or start a new run. The checkpoints are unchanged`,
    );
  }

  /** Moves the group beyond a batch, unless it is there already. Waits while the log is away. Errors: FENCED, STOPPED. */
  async passOver(batchOffset: bigint, signal: AbortSignal): Promise<void> {
    const nextOffset = batchOffset + 1n;
    if (nextOffset <= this.#committed) return;
    const what = `passing over the batch at offset ${batchOffset}`;
    await this.#writer.write({ what, records: [], nextOffset, stepsAfter: this.steps.length }, signal);
    this.#committed = nextOffset;
  }

  /** Moves the group to the published steps' end: a log forgets the position of a group that has been away for long. */
  async restorePosition(signal: AbortSignal): Promise<void> {
    const last = this.steps.at(-1);
    if (last !== undefined) await this.passOver(BigInt(last.batchOffset), signal);
  }

  /** Every step from `fromStep` on: those published, then each as it comes, until the signal. */
  async *follow(fromStep: number, signal: AbortSignal): AsyncIterable<TakenStep> {
    for (let next = Math.max(1, fromStep); !signal.aborted; ) {
      const step = this.steps[next - 1];
      if (step !== undefined) {
        yield step;
        next++;
      } else {
        await this.#changed(signal);
      }
    }
  }

  #published({ step }: TrainingStep): TakenStep | undefined {
    return this.steps[step - 1];
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }
}
