import { AlphapoError, messageOf } from '@alphapo/base';
import { RUN_HEADER, type Topics, type TrainingStep, trainingStepSchema } from '@alphapo/contracts';
import type { EventLog, FencedWriter, GroupPosition, LogRecord } from '@alphapo/messaging';
import { ledgerCutOff } from './ledger.ts';

type LedgerTopics = Pick<Topics, 'trainingSteps' | 'preferenceBatches' | 'optimizerGroup'>;

/**
 * The run's records in `training-steps`: each step once, in order, whatever was computed again after a crash. Opening it
 * fences any earlier optimizer of the run: from then on, that one's next step fails before anything becomes visible.
 */
export class StepLedger implements AsyncDisposable {
  readonly #writer: FencedWriter;
  readonly #topics: LedgerTopics;
  readonly #steps: TrainingStep[];
  readonly #listeners = new Set<() => void>();

  private constructor(writer: FencedWriter, topics: LedgerTopics, steps: TrainingStep[]) {
    this.#writer = writer;
    this.#topics = topics;
    this.#steps = steps;
  }

  /**
   * Errors: LEDGER_CUT_OFF where the first steps are gone from the topic, LEDGER_BROKEN where steps are missing or
   * doubled between others, or a record is no step.
   */
  static async open(log: EventLog, topics: LedgerTopics, runId: string, signal: AbortSignal): Promise<StepLedger> {
    const topic = topics.trainingSteps;
    // With the topic's name: the same run under another prefix has a ledger of its own.
    const writer = await log.writer(`optimizer-${topic}-${runId}`);
    const { first } = await log.bounds(topic, 0);
    const steps: TrainingStep[] = [];
    for await (const records of log.read(topic, 0, first, { stop: 'at-end', signal })) {
      for (const record of records) {
        if (record.headers[RUN_HEADER] !== runId) continue;
        const step = parseStep(record);
        if (step.step !== steps.length + 1) throw outOfOrder(record, step.step, steps.length + 1);
        steps.push(step);
      }
    }
    return new StepLedger(writer, topics, steps);
  }

  /** The steps published so far; index 0 is step 1. */
  get steps(): readonly TrainingStep[] {
    return this.#steps;
  }

  /**
   * Publishes a step unless it is there already. Throws NOT_REPRODUCED where a step that was computed again came out
   * differently, and FENCED where another optimizer has taken over.
   */
  async publish(step: TrainingStep): Promise<void> {
    const published = this.#steps[step.step - 1];
    if (published === undefined) {
      const record = {
        topic: this.#topics.trainingSteps,
        partition: 0,
        key: step.runId,
        value: JSON.stringify(step),
        headers: { [RUN_HEADER]: step.runId },
      };
      await this.#writer.write([record], [this.#positionAfter(BigInt(step.batchOffset))]);
      this.#steps.push(step);
      for (const notify of this.#listeners) notify();
    } else if (published.policyDigest !== step.policyDigest) {
      throw new AlphapoError(
        'data-loss',
        'NOT_REPRODUCED',
        `step ${step.step} was computed again and gave ${step.policyDigest} instead of ${published.policyDigest}: the hardware, the threads or a library has changed; go back to the old ones, or start a new run`,
      );
    }
  }

  /** Moves the group beyond a batch that is no step. Errors: FENCED. */
  async passOver(batchOffset: bigint): Promise<void> {
    await this.#writer.write([], [this.#positionAfter(batchOffset)]);
  }

  /** Where the optimizer is in the ledger, for whoever asks the log: tokenizers, autoscalers, tools. */
  #positionAfter(batchOffset: bigint): GroupPosition {
    const { optimizerGroup: group, preferenceBatches: topic } = this.#topics;
    return { group, topic, partition: 0, nextOffset: batchOffset + 1n };
  }

  /** Every step from `fromStep` on: those published, then each as it comes, until the signal. */
  async *follow(fromStep: number, signal: AbortSignal): AsyncIterable<TrainingStep> {
    for (let next = Math.max(1, fromStep); !signal.aborted; ) {
      const step = this.#steps[next - 1];
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

function parseStep(record: LogRecord): TrainingStep {
  try {
    return trainingStepSchema.parse(JSON.parse(new TextDecoder().decode(record.value ?? new Uint8Array())));
  } catch (error) {
    throw ledgerBroken(record, `is no training step: ${messageOf(error)}`);
  }
}

function outOfOrder(record: LogRecord, step: number, expected: number): AlphapoError {
  if (expected === 1) return ledgerCutOff(`${record.topic} begins with step ${step} of the run`, record.topic);
  return ledgerBroken(record, `is step ${step} where step ${expected} must follow`);
}

function ledgerBroken({ topic, offset }: LogRecord, problem: string): AlphapoError {
  return new AlphapoError(
    'data-loss',
    'LEDGER_BROKEN',
    `the record at offset ${offset} of ${topic} ${problem}: look at the run with alphapo verify; only its optimizer may write to this topic`,
    { metadata: { topic, offset: `${offset}` } },
  );
}
