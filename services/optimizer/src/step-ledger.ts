import { AlphapoError } from '@alphapo/base';
import { RUN_HEADER, type Topics, type TrainingStep } from '@alphapo/contracts';
import type { EventLog, FencedWriter, OutgoingRecord } from '@alphapo/messaging';
import type { PublishedSteps, TakenStep } from './published-steps.ts';

type LedgerTopics = Pick<Topics, 'trainingSteps' | 'preferenceBatches' | 'optimizerGroup'>;

/**
 * The run's records in `training-steps`: each step once, in order, whatever was computed again after a crash. Opening it
 * fences any earlier optimizer of the run: from then on, that one's next step fails before anything becomes visible.
 */
export class StepLedger implements AsyncDisposable {
  readonly #writer: FencedWriter;
  readonly #topics: LedgerTopics;
  readonly #published: PublishedSteps;
  readonly #listeners = new Set<() => void>();
  /** The offset that the group has committed; it only grows, also while steps are computed again. */
  #committed: bigint;

  private constructor(writer: FencedWriter, topics: LedgerTopics, published: PublishedSteps, committed: bigint) {
    this.#writer = writer;
    this.#topics = topics;
    this.#published = published;
    this.#committed = committed;
  }

  /** `published`: the run's steps, which are read on to their end. Errors: those of reading them. */
  static async open(
    log: EventLog,
    topics: LedgerTopics,
    {
      runId,
      published,
      signal,
    }: { readonly runId: string; readonly published: PublishedSteps; readonly signal: AbortSignal },
  ): Promise<StepLedger> {
    // With the topic's name: the same run under another prefix has a ledger of its own.
    const writer = await log.writer(`optimizer-${topics.trainingSteps}-${runId}`);
    await published.readOn(signal);
    const [position] = await log.lag(topics.optimizerGroup, topics.preferenceBatches);
    const ledger = new StepLedger(writer, topics, published, position?.committed ?? 0n);
    // A log forgets the position of a group that has been away for long.
    const last = published.steps.at(-1);
    if (last !== undefined) await ledger.passOver(BigInt(last.batchOffset));
    return ledger;
  }

  /** The steps published so far; index 0 is step 1. */
  get steps(): readonly TakenStep[] {
    return this.#published.steps;
  }

  /**
   * Publishes a step unless it is there already. Throws NOT_REPRODUCED where a step that was computed again came out
   * differently, and FENCED where another optimizer has taken over.
   */
  async publish(step: TrainingStep): Promise<void> {
    const published = this.steps[step.step - 1];
    if (published === undefined) {
      const record = {
        topic: this.#topics.trainingSteps,
        partition: 0,
        key: step.runId,
        value: JSON.stringify(step),
        headers: { [RUN_HEADER]: step.runId },
      };
      await this.#write([record], BigInt(step.batchOffset) + 1n);
      this.#published.add(step);
      for (const notify of this.#listeners) notify();
    } else if (published.policyDigest !== step.policyDigest) {
      throw new AlphapoError(
        'data-loss',
        'NOT_REPRODUCED',
        `step ${step.step} was computed again and gave ${step.policyDigest} instead of ${published.policyDigest}: the hardware, the threads or a library has changed; go back to the old ones, or start a new run. The checkpoints are as they were`,
      );
    }
  }

  /** Moves the group beyond a batch, unless it is there already. Errors: FENCED. */
  async passOver(batchOffset: bigint): Promise<void> {
    const nextOffset = batchOffset + 1n;
    if (nextOffset > this.#committed) await this.#write([], nextOffset);
  }

  /** With the optimizer's place in the ledger, for whoever asks the log: tokenizers, autoscalers, tools. */
  async #write(records: readonly OutgoingRecord[], nextOffset: bigint): Promise<void> {
    const { optimizerGroup: group, preferenceBatches: topic } = this.#topics;
    await this.#writer.write(records, [{ group, topic, partition: 0, nextOffset }]);
    this.#committed = nextOffset;
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
