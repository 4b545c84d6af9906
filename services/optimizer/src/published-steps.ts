import { AlphapoError, messageOf } from '@alphapo/base';
import { RUN_HEADER, type TrainingStep, trainingStepSchema } from '@alphapo/contracts';
import type { EventLog, LogRecord } from '@alphapo/messaging';
import { ledgerCutOff } from './ledger.ts';

/** A published step without the names of its pairs: those of all steps of a long run would fill the memory. */
export type TakenStep = Omit<TrainingStep, 'pairIds'> & { readonly pairs: number };

/** The steps of one run as `training-steps` has them: each once, in order. */
export class PublishedSteps {
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #runId: string;
  readonly #steps: TakenStep[] = [];
  /** Of these, from the first one on, those that were read: what this optimizer publishes is read when it reads on. */
  #read = 0;
  /** Offset that is read next; undefined before the first reading. */
  #position: bigint | undefined;

  constructor(log: EventLog, topic: string, runId: string) {
    this.#log = log;
    this.#topic = topic;
    this.#runId = runId;
  }

  /**
   * Reads what there is beyond what was read before. Errors: LEDGER_CUT_OFF where the first steps are gone from the topic,
   * LEDGER_BROKEN where steps are missing or doubled between others, are not as this optimizer published them, or a record is
   * no step; STOPPED by the signal.
   */
  async readOn(signal: AbortSignal): Promise<void> {
    this.#position ??= (await this.#log.bounds(this.#topic, 0)).first;
    for await (const records of this.#log.read(this.#topic, 0, this.#position, { stop: 'at-end', signal })) {
      for (const record of records) this.#take(record);
    }
    if (signal.aborted) throw new AlphapoError('cancelled', 'STOPPED', `stopped while it read ${this.#topic}`);
  }

  /** Index 0 is step 1. */
  get steps(): readonly TakenStep[] {
    return this.#steps;
  }

  /** The next step, published by this optimizer. */
  add({ pairIds, ...step }: TrainingStep): void {
    this.#steps.push({ ...step, pairs: pairIds.length });
  }

  /** How many steps were published by this optimizer since it last read on. */
  get unread(): number {
    return this.#steps.length - this.#read;
  }

  /** Refuses a ledger without steps that this optimizer published, once they are sure to be read. Errors: LEDGER_BROKEN. */
  requireAllRead(): void {
    if (this.unread === 0) return;
    throw otherLedger(
      `step ${this.#steps.length} was published, but ${this.#topic} has ${this.#read} steps of the run now`,
      this.#topic,
    );
  }

  #take(record: LogRecord): void {
    this.#position = record.offset + 1n;
    if (record.headers[RUN_HEADER] !== this.#runId) return;
    const step = parseStep(record);
    const expected = this.#read + 1;
    if (step.step !== expected) throw outOfOrder(record, step.step, expected);
    const known = this.#steps[this.#read++];
    if (known === undefined) this.add(step);
    else if (known.policyDigest !== step.policyDigest) {
      throw ledgerBroken(
        record,
        `is step ${step.step} with policy ${step.policyDigest}, published with ${known.policyDigest}`,
      );
    }
  }
}

/**
 * Refuses a checkpoint of a step that was published with other weights. Errors: LEDGER_BROKEN. A checkpoint of a step that
 * is not published yet passes: see `requireStepsUpTo`.
 */
export function requireSameWeights(
  { steps }: PublishedSteps,
  checkpoint: { readonly step: number; readonly digest: string },
  topic: string,
): void {
  const published = steps[checkpoint.step - 1];
  if (published === undefined || published.policyDigest === checkpoint.digest) return;
  throw otherLedger(
    `the checkpoint of step ${checkpoint.step} has policy ${checkpoint.digest}, but ${topic} says ${published.policyDigest}`,
    topic,
  );
}

/** Rejects a ledger that lacks steps before the checkpoint's: later steps could not be distinguished from them. Errors: LEDGER_BROKEN. */
export function requireStepsUpTo({ steps }: PublishedSteps, step: number, topic: string): void {
  if (steps.length >= step) return;
  throw otherLedger(
    `the checkpoint is of step ${step}, but ${topic} has ${steps.length} steps of the run (if brokers lost the last of them, delete ` +
      'that checkpoint; the previous one is used)',
    topic,
  );
}

function otherLedger(problem: string, topic: string): AlphapoError {
  return new AlphapoError(
    'data-loss',
    'LEDGER_BROKEN',
    `${problem}: folder and topics do not belong together, one of them was restored from an older backup, or a record was ` +
      'changed; check the run with alphapo verify, and give the optimizer the folder and the topic prefix of one run',
    { metadata: { topic } },
  );
}

function parseStep(record: LogRecord): TrainingStep {
  try {
    return trainingStepSchema.parse(JSON.parse(new TextDecoder().decode(record.value ?? new Uint8Array())));
  } catch (error) {
    throw ledgerBroken(record, `is not a training step: ${messageOf(error)}`);
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
    `the record at offset ${offset} of ${topic} ${problem}: check the run with alphapo verify; only its optimizer may write to this topic`,
    { metadata: { topic, offset: `${offset}` } },
  );
}
