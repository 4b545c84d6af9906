import type { PreferenceBatch, TrainingStep } from '@alphapo/contracts';
import { type Decoded, placeOf } from './ledger-records.ts';
import type { ProblemList } from './problem.ts';

type StepRecord = Extract<Decoded<TrainingStep>, { ok: true }>;

/** What the steps of a run come to. */
export interface StepCounts {
  readonly steps: number;
  readonly lastStep: number;
  /** Of the weights after the last step; undefined before the first. */
  readonly policyDigest: string | undefined;
  /** Batches of pairs that no step has been taken with yet. */
  readonly waitingBatches: number;
}

/**
 * Matches the steps of a run with its batches, both in the order of the ledger: each batch of pairs must have one step,
 * and the steps must count from 1 without gap or repetition.
 */
export class StepChain {
  readonly #steps: AsyncIterator<Decoded<TrainingStep>>;
  readonly #runId: string | undefined;
  readonly #firstBatch: bigint;
  readonly #problems: ProblemList;
  readonly #onStep: (step: TrainingStep) => void;
  readonly #otherRuns = new Set<string>();
  #next: StepRecord | undefined;
  #ended = false;
  #counts = { steps: 0, lastStep: 0, policyDigest: undefined as string | undefined, waitingBatches: 0 };

  /** `firstBatch`: the offset at which `preference-batches` begins now; `onStep` hears of each step once, in order. */
  constructor(
    steps: AsyncIterable<Decoded<TrainingStep>>,
    run: { readonly runId: string | undefined; readonly firstBatch: bigint },
    problems: ProblemList,
    onStep: (step: TrainingStep) => void,
  ) {
    this.#steps = steps[Symbol.asyncIterator]();
    this.#runId = run.runId;
    this.#firstBatch = run.firstBatch;
    this.#problems = problems;
    this.#onStep = onStep;
  }

  get counts(): StepCounts {
    return this.#counts;
  }

  /** Reads the first steps, so that the end of the steps is that of a moment before the batches are read. */
  async begin(): Promise<void> {
    await this.#peek();
  }

  /** A batch with pairs, the next of the ledger. */
  async addBatch(topic: string, offset: bigint, { pairs }: PreferenceBatch): Promise<void> {
    for (;;) {
      const found = await this.#peek();
      if (found === undefined) {
        this.#counts.waitingBatches++;
        return;
      }
      const batchOffset = BigInt(found.value.batchOffset);
      if (batchOffset > offset) {
        this.#problems.add(
          'BATCH_WITHOUT_STEP',
          placeOf(topic, offset),
          `no step was taken with it, but step ${found.value.step} with the batch at offset ${batchOffset}`,
        );
        return;
      }
      this.#take(found);
      if (batchOffset === offset) {
        const ids = pairs.map(({ id }) => id);
        if (found.value.pairIds.length === ids.length && found.value.pairIds.every((id, i) => id === ids[i])) return;
        this.#problems.add(
          'STEP_PAIRS_DIFFER',
          placeOf(found.record.topic, found.record.offset),
          `step ${found.value.step} names other pairs than the batch at offset ${offset} has`,
        );
        return;
      }
      this.#addWithoutBatch(found, batchOffset);
    }
  }

  /** All batches have been added: no step may be left. */
  async end(): Promise<void> {
    for (let found = await this.#peek(); found !== undefined; found = await this.#peek()) {
      this.#take(found);
      this.#addWithoutBatch(found, BigInt(found.value.batchOffset));
    }
  }

  #addWithoutBatch({ record, value }: StepRecord, batchOffset: bigint): void {
    if (batchOffset < this.#firstBatch) return; // Retention has removed the batch.
    this.#problems.add(
      'STEP_WITHOUT_BATCH',
      placeOf(record.topic, record.offset),
      `step ${value.step} was taken with a batch at offset ${batchOffset}, but no batch is there in this order`,
    );
  }

  #take({ record, value }: StepRecord): void {
    this.#next = undefined;
    const { lastStep, policyDigest } = this.#counts;
    if (value.skipped !== undefined && value.step === lastStep + 1 && policyDigest !== undefined) {
      if (value.policyDigest !== policyDigest) {
        this.#problems.add(
          'STEP_POLICY_DIFFERS',
          placeOf(record.topic, record.offset),
          `step ${value.step} was skipped, but published ${value.policyDigest} after ${policyDigest}`,
        );
      }
    }
    this.#counts.steps++;
    this.#counts.lastStep = value.step;
    this.#counts.policyDigest = value.policyDigest;
    this.#onStep(value);
  }

  /** The run's next step that is not a repetition; undefined if there is none. */
  async #peek(): Promise<StepRecord | undefined> {
    while (this.#next === undefined && !this.#ended) {
      const { done, value } = await this.#steps.next();
      if (done) this.#ended = true;
      else this.#next = this.#ofThisRun(value);
    }
    return this.#next;
  }

  #ofThisRun(decoded: Decoded<TrainingStep>): StepRecord | undefined {
    const { record } = decoded;
    const place = placeOf(record.topic, record.offset);
    if (!decoded.ok) {
      this.#problems.add('STEP_UNREADABLE', place, `it is not a training step: ${decoded.problem}`);
      return undefined;
    }
    const { runId, step } = decoded.value;
    if (runId !== this.#runId) {
      if (!this.#otherRuns.has(runId)) {
        this.#problems.add('STEP_OF_OTHER_RUN', place, `it is a step of run ${runId}: each run needs its own topics`);
      }
      this.#otherRuns.add(runId);
      return undefined;
    }
    const expected = this.#counts.lastStep + 1;
    if (step < expected) {
      this.#problems.add('STEP_REPEATED', place, `it is step ${step} again, after step ${expected - 1}`);
      return undefined;
    }
    if (step > expected) {
      const missing = step === expected + 1 ? `step ${expected} is` : `steps ${expected} to ${step - 1} are`;
      this.#problems.add('STEP_MISSING', place, `it is step ${step}, but ${missing} not before it`);
    }
    return decoded as StepRecord;
  }
}
