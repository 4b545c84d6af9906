import { AlphapoError, messageOf } from '@alphapo/base';
import type { PreferenceBatch, RunStateName, SkippedStep, TrainingStep } from '@alphapo/contracts';
import { batchTotals } from '@alphapo/engine';
import type { EventLog } from '@alphapo/messaging';
import type { Runner } from '@alphapo/optim';
import { BatchAgreement, type BatchDigests } from './batch-agreement.ts';
import { batchesBefore, readBatches } from './batches.ts';
import { Checkpointing, type CheckpointingParts, type WrittenCheckpoint } from './checkpointing.ts';
import { EndOfData } from './end-of-data.ts';
import type { RunPoint } from './evaluations.ts';
import { GradientMemory, GradientSum } from './gradient-sum.ts';
import { finiteNorm, nonFiniteError, nonFiniteOf } from './non-finite.ts';
import type { Pause } from './pause.ts';
import type { PolicyReading } from './policy.ts';
import { type PolicyReader, PolicyReaders } from './policy-readers.ts';
import { readAhead } from './read-ahead.ts';
import type { Run } from './run.ts';
import type { ScorerPool } from './scorer-pool.ts';
import { type ComputedShard, cutShards } from './shards.ts';
import { type BatchFacts, batchFacts } from './step-facts.ts';
import type { StepLedger } from './step-ledger.ts';
import { StepTimes } from './step-times.ts';
import { advance, skip, type TrainingState } from './training-state.ts';

export interface TrainerParts extends CheckpointingParts {
  readonly log: EventLog;
  readonly batchesTopic: string;
  readonly scorers: ScorerPool;
  readonly steps: StepLedger;
  readonly pause: Pause;
  /** Where the arithmetic of steps runs. */
  readonly runner: Runner;
}

/** Called where the policy stands still: whether the run ends here, and why. */
type Between = (point: RunPoint) => Promise<string | undefined>;

/**
 * The training loop: one step per batch of the ledger, in its order. Its state after a step depends on the start, the
 * specification and the batches alone, so after any crash the run continues from the last checkpoint.
 */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #gradients: GradientMemory;
  readonly #readers = new PolicyReaders();
  readonly #checkpoints: Checkpointing;
  readonly #agreement: BatchAgreement;
  #state: TrainingState;
  #runState: RunStateName = 'starting';
  #message = '';
  readonly #ended = new AbortController();
  /** A step failed midway: the state in memory must not become a checkpoint. */
  #torn = false;
  /** Settles when the state is complete again, or permanently torn; the policy must not be read while it changes. */
  #changing: Promise<unknown> = Promise.resolve();
  /** On the clock of `performance`. */
  #stepEnded = performance.now();
  /** Ends when whoever holds the state has done with it. */
  #holding: Promise<unknown> = Promise.resolve();

  constructor(parts: TrainerParts, state: TrainingState, digests?: BatchDigests) {
    this.#parts = parts;
    this.#state = state;
    this.#gradients = new GradientMemory(state.policy.shapes);
    this.#checkpoints = new Checkpointing(parts, state.policy.step);
    this.#agreement = new BatchAgreement(parts.run.specification, digests);
  }

  get run(): Run {
    return this.#parts.run;
  }

  /** Which policy is the current one. */
  get policy(): { readonly step: number; readonly digest: string } {
    return this.#state.policy;
  }

  /** Digests of what made the batches; undefined before the first. */
  get batchDigests(): BatchDigests | undefined {
    return this.#agreement.digests;
  }

  /** Aborts when no further step will be taken: the run is finished, or has failed. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get status() {
    const { scorers, pause, steps } = this.#parts;
    return {
      state: pause.isPaused && this.#runState === 'waiting-for-batches' ? 'paused' : this.#runState,
      message: this.#message || (steps.waiting ?? ''),
      nextBatchOffset: this.#state.nextBatchOffset,
      checkpointStep: this.#checkpoints.newestStep,
      pendingShards: scorers.pending,
      scorers: scorers.statuses,
    };
  }

  /** The weights of the current policy, once no step is changing them. Errors: STEP_FAILED, POLICY_READERS. */
  async readPolicy(reader: PolicyReader = 'other'): Promise<PolicyReading> {
    for (let seen: unknown; seen !== this.#changing; ) {
      seen = this.#changing;
      await seen;
    }
    if (this.#torn) throw stepFailed('no policy to read');
    return this.#readers.read(this.#state.policy, reader);
  }

  /** Finishes the step under way; no further one is taken until `resume`, also when the optimizer is started again. */
  async pause(): Promise<number> {
    await this.#parts.pause.begin();
    return this.#exclusively(async () => this.policy.step);
  }

  async resume(): Promise<number> {
    await this.#parts.pause.end();
    return this.policy.step;
  }

  /** Writes a checkpoint of the state between two steps. */
  checkpoint(): Promise<WrittenCheckpoint> {
    return this.#exclusively(() => this.#beginCheckpoint());
  }

  /**
   * Takes steps until the run's last, or until the signal. `between` is waited for before the first and after each step, while
   * the policy stays as it is; where it gives a reason, the run ends there. Throws errors that need an operator, after recording them in the status; STOPPED if the signal aborts while it is
   * unknown whether the log has the last step: that step and those since the last checkpoint are then recomputed.
   */
  async train(signal: AbortSignal, between: Between = async () => undefined): Promise<void> {
    try {
      await this.#takeSteps(signal, between);
      await this.checkpoint();
    } catch (error) {
      if (signal.aborted && !this.#torn) {
        // Asked to stop in the middle of a step: the steps before it are kept.
        await this.checkpoint();
        return;
      }
      if (!signal.aborted || !isStop(error)) {
        this.#runState = 'failed';
        this.#message = messageOf(error);
      }
      this.#ended.abort();
      await this.#checkpoints.ended.catch(() => {});
      throw error;
    }
  }

  async #takeSteps(signal: AbortSignal, between: Between): Promise<void> {
    const { log, batchesTopic, pause } = this.#parts;
    const start = this.#state.nextBatchOffset;
    const endOfData = new EndOfData(() => batchesBefore(start, log, batchesTopic, signal));
    const ends = async (isLast: boolean): Promise<boolean> => {
      const { step } = this.policy;
      this.#runState = 'training';
      const reason = await between({ step, isLast });
      if (isLast || reason !== undefined) this.#finish(reason);
      else this.#runState = 'waiting-for-batches';
      return isLast || reason !== undefined;
    };
    if (await ends(await this.#isOver(endOfData, signal))) return;
    const left = new AbortController();
    const reading = { signal: AbortSignal.any([signal, left.signal]) };
    try {
      for await (const { batch, offset } of readAhead(readBatches(log, batchesTopic, start, reading))) {
        if (pause.isPaused) this.#runState = 'paused';
        await pause.ended(signal);
        if (batch.pairs.length > 0) {
          await this.#exclusively(() => this.#step(batch, offset, signal));
        } else {
          await this.#parts.steps.passOver(offset, signal);
        }
        if (await ends(await this.#isLast(batch, endOfData))) return;
      }
    } finally {
      // A batch that is read ahead may never come.
      left.abort();
    }
  }

  async #isLast(batch: PreferenceBatch, endOfData: EndOfData): Promise<boolean> {
    return this.policy.step >= this.#parts.run.specification.schedule.totalSteps || endOfData.ends(batch);
  }

  /** Whether the last step was taken before this optimizer was started: the batch that it came from says so. */
  async #isOver(endOfData: EndOfData, signal: AbortSignal): Promise<boolean> {
    const { log, batchesTopic } = this.#parts;
    const lastOffset = this.#state.nextBatchOffset - 1n;
    const { first, next } = await log.bounds(batchesTopic, 0);
    if (lastOffset < first || lastOffset >= next) return false;
    for await (const { batch } of readBatches(log, batchesTopic, lastOffset, { signal, stop: 'at-end' })) {
      return this.#isLast(batch, endOfData);
    }
    return false;
  }

  async #step(batch: PreferenceBatch, offset: bigint, signal: AbortSignal): Promise<void> {
    const { run, scorers, runner, lease, logger } = this.#parts;
    const started = performance.now();
    const times = new StepTimes(this.#stepEnded);
    times.end('wait');
    this.#runState = 'training';
    this.#agreement.require(batch, offset);
    const { policy } = this.#state;
    const step = policy.step + 1;
    const shards = cutShards(batch.pairs, run.specification.batch.shards);
    const memory = this.#gradients;
    const sum = new GradientSum(memory, runner);
    const computed = await scorers.compute(
      { run, step, policy, batch: batchTotals(batch.pairs), shards, memory, sum, runner },
      {
        signal,
        onWaiting: (waiting) => this.#showWaiting(waiting),
        onPolicyGone: () => lease.assertHeld(),
      },
    );
    times.end('gradients');
    const facts = batchFacts(
      batch,
      computed.flatMap(({ pairs }) => pairs),
    );
    const gradient = await sum.total();
    times.end('sum');
    const norm = await finiteNorm(gradient, runner);
    times.end('norm');
    const skipped = this.#skipped(facts, norm, computed);
    if (skipped !== undefined && run.specification.onNonFinite === 'stop') throw nonFiniteError(step, skipped);
    const durationMs = await this.#change(async () => {
      const nextBatchOffset = offset + 1n;
      const { state, learningRate } =
        norm === undefined || skipped !== undefined
          ? skip(this.#state, nextBatchOffset, run.specification)
          : await advance(this.#state, { gradient, norm, nextBatchOffset }, run.specification, { runner, times });
      const { computation } = scorers;
      const record: TrainingStep = {
        runId: run.id,
        step,
        batchOffset: `${offset}`,
        learningRate,
        gradNorm: norm ?? Number.NaN,
        ...facts,
        durationMs: performance.now() - started,
        policyDigest: state.policy.digest,
        ...(skipped && { skipped }),
        ...(computation && { computation }),
      };
      await this.#parts.steps.publish(record, signal);
      this.#state = state;
      return record.durationMs;
    });
    memory.giveBack(gradient);
    times.end('publish');
    this.#stepEnded = times.last;
    const { loss, margin } = facts;
    if (skipped !== undefined) logger.error('step.skipped', { step, ...skipped });
    logger.info('step.taken', {
      step,
      loss,
      margin,
      durationMs,
      ...times.durations(computed.map((shard) => shard.times)),
    });
    // A failure is thrown when the state is about to change.
    if (this.#checkpoints.isDue(step)) this.#beginCheckpoint().catch(() => {});
  }

  /** What is not finite in a step; undefined where all is. Finite gradients may have a sum that is not. */
  #skipped(
    { pairIds }: BatchFacts,
    norm: number | undefined,
    computed: readonly ComputedShard[],
  ): SkippedStep | undefined {
    const found = nonFiniteOf(computed.map(({ nonFinite }) => nonFinite));
    if (found !== undefined || norm !== undefined) return found;
    return { reason: 'NON_FINITE_GRADIENT', pairIds };
  }

  /** Replaces the state. Weights and moments are changed in place: where this fails, what is in memory is no state. */
  async #change<T>(work: () => Promise<T>): Promise<T> {
    await this.#checkpoints.ended;
    this.#torn = true;
    const change = work().then((result) => {
      this.#torn = false;
      return result;
    });
    this.#changing = change.catch(() => {});
    return change;
  }

  #showWaiting(waiting: boolean): void {
    this.#runState = waiting ? 'waiting-for-scorers' : 'training';
  }

  #finish(reason: string | undefined): void {
    const { step } = this.policy;
    const { totalSteps } = this.#parts.run.specification.schedule;
    this.#runState = 'finished';
    if (step < totalSteps) {
      this.#message = reason ?? `the data ended at step ${step} of ${totalSteps}: the producer marked its end`;
      this.#parts.logger.warn('run.ended-early', { step, totalSteps, message: this.#message });
    } else if (reason !== undefined) {
      this.#message = reason;
    }
    this.#ended.abort();
    this.#parts.logger.info('run.finished', { step: this.policy.step, policyDigest: this.policy.digest });
  }

  /**
   * Runs work while nothing else reads or changes the state. Moments are updated in place: a checkpoint that is written
   * during a step would hold some of either side.
   */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#holding.then(work);
    this.#holding = run.catch(() => {});
    return run;
  }

  #beginCheckpoint(): Promise<WrittenCheckpoint> {
    return this.#checkpoints.begin(() => {
      if (this.#torn) throw stepFailed('no complete state to write');
      return { state: this.#state, digests: this.#agreement.digests };
    });
  }
}

function isStop(error: unknown): boolean {
  return error instanceof AlphapoError && error.code === 'cancelled';
}

function stepFailed(consequence: string): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'STEP_FAILED',
    `the last step failed midway, so there is ${consequence}; restart the optimizer to continue from its last checkpoint`,
  );
}
