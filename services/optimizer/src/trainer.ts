import { AlphapoError, messageOf } from '@alphapo/base';
import type { Checkpoint, CheckpointRetention, CheckpointStore } from '@alphapo/checkpoints';
import { PreferenceBatch, runSpecificationDigest, type TrainingStep } from '@alphapo/contracts';
import { batchTotals } from '@alphapo/engine';
import type { EventLog, LogRecord } from '@alphapo/messaging';
import { globalNorm, type Runner } from '@alphapo/optim';
import type { Logger } from '@alphapo/telemetry';
import { GradientMemory, GradientSum } from './gradient-sum.ts';
import type { PolicyReading } from './policy.ts';
import { readAhead } from './read-ahead.ts';
import type { Run } from './run.ts';
import type { ScorerPool } from './scorer-pool.ts';
import { cutShards } from './shards.ts';
import { batchFacts } from './step-facts.ts';
import type { StepLedger } from './step-ledger.ts';
import { StepTimes } from './step-times.ts';
import { advance, type TrainingState } from './training-state.ts';

export type RunState =
  | 'starting'
  | 'waiting-for-batches'
  | 'waiting-for-scorers'
  | 'training'
  | 'paused'
  | 'finished'
  | 'failed';

export interface TrainerParts {
  readonly run: Run;
  readonly log: EventLog;
  readonly batchesTopic: string;
  readonly scorers: ScorerPool;
  readonly checkpoints: CheckpointStore;
  /** Steps between two checkpoints. */
  readonly checkpointEvery: number;
  readonly checkpointsKept: CheckpointRetention;
  readonly steps: StepLedger;
  /** Where the arithmetic of steps runs. */
  readonly runner: Runner;
  readonly logger: Logger;
}

/** Digests that every batch of a run must agree on. */
interface BatchDigests {
  readonly tokenizer: string;
  readonly chatTemplate: string;
}

/**
 * The training loop: one step per batch of the ledger, in its order. Its state after a step depends on the start, the
 * specification and the batches alone, so a crash anywhere is mended by going on from the last checkpoint.
 */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #gradients: GradientMemory;
  #state: TrainingState;
  #digests: BatchDigests | undefined;
  #checkpointStep: number;
  #runState: RunState = 'starting';
  #message = '';
  #resumed: PromiseWithResolvers<void> | undefined;
  /** A step failed half-way: what is in memory must not become a checkpoint. */
  #torn = false;
  /** Ends when the state is whole again, or torn for good; while it is being changed, nobody may read the policy. */
  #changing: Promise<unknown> = Promise.resolve();
  /** A checkpoint that is being written while the next step is computed. The state must not change until it ends. */
  #writing: Promise<unknown> = Promise.resolve();
  /** The last one found no room. */
  #checkpointOverdue = false;
  /** On the clock of `performance`. */
  #stepEnded = performance.now();
  /** Ends when whoever holds the state has done with it. */
  #holding: Promise<unknown> = Promise.resolve();

  constructor(parts: TrainerParts, state: TrainingState, digests?: BatchDigests) {
    this.#parts = parts;
    this.#state = state;
    this.#gradients = new GradientMemory(state.policy.shapes);
    this.#digests = digests;
    this.#checkpointStep = state.policy.step;
  }

  get run(): Run {
    return this.#parts.run;
  }

  /** Which policy is the current one. */
  get policy(): { readonly step: number; readonly digest: string } {
    return this.#state.policy;
  }

  get status() {
    return {
      state: this.#resumed !== undefined && this.#runState === 'waiting-for-batches' ? 'paused' : this.#runState,
      message: this.#message,
      nextBatchOffset: this.#state.nextBatchOffset,
      checkpointStep: this.#checkpointStep,
      pendingShards: this.#parts.scorers.pending,
      scorers: this.#parts.scorers.size,
    };
  }

  /** The weights of the current policy, once no step is changing them. Errors: STEP_FAILED. */
  async readPolicy(): Promise<PolicyReading> {
    for (let seen: unknown; seen !== this.#changing; ) {
      seen = this.#changing;
      await seen;
    }
    if (this.#torn) throw stepFailed('no policy to read');
    return this.#state.policy.read();
  }

  /** Finishes the step under way; no further one is taken until `resume`. */
  async pause(): Promise<number> {
    this.#resumed ??= Promise.withResolvers();
    return this.#exclusively(async () => this.policy.step);
  }

  resume(): number {
    this.#resumed?.resolve();
    this.#resumed = undefined;
    return this.policy.step;
  }

  /** Writes a checkpoint of the state between two steps. */
  checkpoint(): Promise<{ step: number; name: string }> {
    return this.#exclusively(() => this.#beginCheckpoint());
  }

  /** Takes steps until the run's last, or until the signal. Throws what needs a person, after saying so in the status. */
  async train(signal: AbortSignal): Promise<void> {
    try {
      await this.#takeSteps(signal);
      await this.checkpoint();
    } catch (error) {
      if (signal.aborted && !this.#torn) {
        // Asked to stop in the middle of a step: the steps before it are kept.
        await this.checkpoint();
        return;
      }
      this.#runState = 'failed';
      this.#message = messageOf(error);
      await this.#writing.catch(() => {});
      throw error;
    }
  }

  async #takeSteps(signal: AbortSignal): Promise<void> {
    const { log, batchesTopic, run } = this.#parts;
    const { totalSteps } = run.specification.schedule;
    if (this.policy.step >= totalSteps) return this.#finish();
    this.#runState = 'waiting-for-batches';
    const left = new AbortController();
    const reading = { signal: AbortSignal.any([signal, left.signal]) };
    try {
      const records = log.read(batchesTopic, 0, this.#state.nextBatchOffset, reading);
      for await (const { batch, offset } of readAhead(decodedBatches(records))) {
        await this.#untilResumed(signal);
        if (batch.pairs.length > 0) await this.#exclusively(() => this.#step(batch, offset, signal));
        if (batch.endOfData || this.policy.step >= totalSteps) return this.#finish();
        this.#runState = 'waiting-for-batches';
      }
    } finally {
      // A batch that is read ahead may never come.
      left.abort();
    }
  }

  async #step(batch: PreferenceBatch, offset: bigint, signal: AbortSignal): Promise<void> {
    const { run, scorers, runner, checkpointEvery, logger } = this.#parts;
    const started = performance.now();
    const times = new StepTimes(this.#stepEnded);
    times.end('wait');
    this.#runState = 'training';
    this.#checkDigests(batch, offset);
    const { policy } = this.#state;
    const step = policy.step + 1;
    const shards = cutShards(batch.pairs, run.specification.batch.shards);
    const memory = this.#gradients;
    const sum = new GradientSum(memory, runner);
    const computed = await scorers.compute(
      { run, step, policy, batch: batchTotals(batch.pairs), shards, memory, sum },
      { signal, onWaiting: (waiting) => this.#showWaiting(waiting) },
    );
    times.end('gradients');
    const facts = batchFacts(
      batch,
      computed.flatMap(({ pairs }) => pairs),
    );
    const gradient = await sum.total();
    times.end('sum');
    const gradNorm = await globalNorm(gradient, runner);
    times.end('norm');
    const durationMs = await this.#change(async () => {
      const update = { gradient, norm: gradNorm, nextBatchOffset: offset + 1n };
      const { state, learningRate } = await advance(this.#state, update, run.specification, { runner, times });
      const record: TrainingStep = {
        runId: run.id,
        step,
        batchOffset: `${offset}`,
        learningRate,
        gradNorm,
        ...facts,
        durationMs: performance.now() - started,
        policyDigest: state.policy.digest,
      };
      await this.#parts.steps.publish(record);
      this.#state = state;
      return record.durationMs;
    });
    memory.giveBack(gradient);
    times.end('publish');
    this.#stepEnded = times.last;
    const { loss, margin } = facts;
    logger.info('step.taken', {
      step,
      loss,
      margin,
      durationMs,
      ...times.fields(computed.map((shard) => shard.times)),
    });
    // A failure is told when the state is to be changed.
    if (step % checkpointEvery === 0 || this.#checkpointOverdue) this.#beginCheckpoint().catch(() => {});
  }

  /** Replaces the state. Weights and moments are changed in place: where this fails, what is in memory is no state. */
  async #change<T>(work: () => Promise<T>): Promise<T> {
    await this.#writing;
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

  #finish(): void {
    this.#runState = 'finished';
    this.#parts.logger.info('run.finished', { step: this.policy.step, policyDigest: this.policy.digest });
  }

  /** A run learns from one specification, one tokenizer and one template; a batch made otherwise is refused. */
  #checkDigests(batch: PreferenceBatch, offset: bigint): void {
    const expected = runSpecificationDigest(this.#parts.run.specification);
    if (batch.runSpecificationDigest !== expected) {
      throw batchError(offset, 'was made under another run specification', 'start the tokenizer with this run’s');
    }
    const digests = { tokenizer: batch.tokenizerDigest, chatTemplate: batch.chatTemplateDigest };
    this.#digests ??= digests;
    if (digests.tokenizer !== this.#digests.tokenizer || digests.chatTemplate !== this.#digests.chatTemplate) {
      throw batchError(offset, 'was made with another tokenizer or chat template', 'use the same for a whole run');
    }
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

  async #untilResumed(signal: AbortSignal): Promise<void> {
    while (this.#resumed !== undefined) {
      this.#runState = 'paused';
      const { promise: stopped, reject } = Promise.withResolvers<never>();
      const stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      await Promise.race([this.#resumed.promise, stopped]).finally(() => signal.removeEventListener('abort', stop));
    }
  }

  #beginCheckpoint(): Promise<{ step: number; name: string }> {
    const written = this.#writing.catch(() => {}).then(() => this.#writeCheckpoint());
    this.#writing = written.catch((error: unknown) => this.#goOnWhereFull(error));
    this.#writing.catch(() => {});
    return written;
  }

  /** A full volume costs time after a crash, and room may come: training goes on, and tries again after each step. */
  #goOnWhereFull(error: unknown): void {
    if (!(error instanceof AlphapoError) || error.reason !== 'DISK_FULL') throw error;
    this.#checkpointOverdue = true;
    this.#parts.logger.error('checkpoint.failed', {
      newestStep: this.#checkpointStep,
      retry: 'after the next step',
      error,
    });
  }

  async #writeCheckpoint(): Promise<{ step: number; name: string }> {
    if (this.#torn) throw stepFailed('nothing whole to write');
    const { run, checkpoints, checkpointsKept, logger } = this.#parts;
    const started = performance.now();
    const { adam, nextBatchOffset } = this.#state;
    using policy = this.#state.policy.read();
    const checkpoint: Checkpoint = {
      runId: run.id,
      step: policy.step,
      nextBatchOffset,
      specification: run.specification,
      specificationDigest: runSpecificationDigest(run.specification),
      modelDigest: run.modelDigest,
      policyDigest: policy.digest,
      tokenizerDigest: this.#digests?.tokenizer ?? '',
      chatTemplateDigest: this.#digests?.chatTemplate ?? '',
      adamStep: adam.step,
      parameters: policy.tensors,
      m: adam.m,
      v: adam.v,
    };
    const name = await checkpoints.write(checkpoint);
    await checkpoints.prune(checkpointsKept);
    this.#checkpointStep = policy.step;
    this.#checkpointOverdue = false;
    logger.info('checkpoint.written', { step: policy.step, name, durationMs: performance.now() - started });
    return { step: policy.step, name };
  }
}

async function* decodedBatches(
  source: AsyncIterable<readonly LogRecord[]>,
): AsyncGenerator<{ batch: PreferenceBatch; offset: bigint }> {
  for await (const records of source) {
    for (const { value, offset } of records) yield { batch: decodeBatch(value, offset), offset };
  }
}

function decodeBatch(value: Uint8Array | null, offset: bigint): PreferenceBatch {
  if (value === null) throw batchError(offset, 'is empty', 'the topic must not be compacted');
  try {
    return PreferenceBatch.decode(value);
  } catch (error) {
    throw batchError(
      offset,
      `is no PreferenceBatch: ${messageOf(error)}`,
      'only the tokenizer may write to this topic',
    );
  }
}

function stepFailed(consequence: string): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'STEP_FAILED',
    `the last step failed half-way, so there is ${consequence}: restart the optimizer, it goes on from its last checkpoint`,
  );
}

function batchError(offset: bigint, problem: string, advice: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'BATCH_REFUSED', `batch at offset ${offset} ${problem}: ${advice}`, {
    metadata: { offset: `${offset}` },
  });
}
