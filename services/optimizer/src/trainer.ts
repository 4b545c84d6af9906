import { AlphapoError, messageOf } from '@alphapo/base';
import type { Checkpoint, CheckpointStore } from '@alphapo/checkpoints';
import { PreferenceBatch, runSpecificationDigest, type TrainingStep } from '@alphapo/contracts';
import { batchTotals } from '@alphapo/engine';
import type { EventLog } from '@alphapo/messaging';
import type { Logger } from '@alphapo/telemetry';
import type { Run } from './run.ts';
import type { ScorerPool } from './scorer-pool.ts';
import { cutShards, sumGradients } from './shards.ts';
import { batchFacts } from './step-facts.ts';
import type { StepLedger } from './step-ledger.ts';
import { advance, type Policy, type TrainingState } from './training-state.ts';

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
  /** Checkpoints that are kept. */
  readonly checkpointsKept: number;
  readonly steps: StepLedger;
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
  #state: TrainingState;
  #previous: Policy | undefined;
  #digests: BatchDigests | undefined;
  #checkpointStep: number;
  #runState: RunState = 'starting';
  #message = '';
  #resumed: PromiseWithResolvers<void> | undefined;
  /** A step failed half-way: what is in memory must not become a checkpoint. */
  #torn = false;
  /** Ends when whoever holds the state has done with it. */
  #holding: Promise<unknown> = Promise.resolve();

  constructor(parts: TrainerParts, state: TrainingState, digests?: BatchDigests) {
    this.#parts = parts;
    this.#state = state;
    this.#digests = digests;
    this.#checkpointStep = state.policy.step;
  }

  get run(): Run {
    return this.#parts.run;
  }

  get policy(): Policy {
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

  /** A policy that scorers may still ask for: the current one, or the one before it. */
  policyWithDigest(digest: string): Policy | undefined {
    return [this.#state.policy, this.#previous].find((policy) => policy?.digest === digest);
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
    return this.#exclusively(() => this.#writeCheckpoint());
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
      throw error;
    }
  }

  async #takeSteps(signal: AbortSignal): Promise<void> {
    const { log, batchesTopic, run } = this.#parts;
    const { totalSteps } = run.specification.schedule;
    if (this.policy.step >= totalSteps) return this.#finish();
    this.#runState = 'waiting-for-batches';
    for await (const records of log.read(batchesTopic, 0, this.#state.nextBatchOffset, { signal })) {
      for (const record of records) {
        await this.#untilResumed(signal);
        const batch = decodeBatch(record.value, record.offset);
        if (batch.pairs.length > 0) await this.#exclusively(() => this.#step(batch, record.offset, signal));
        if (batch.endOfData || this.policy.step >= totalSteps) return this.#finish();
        this.#runState = 'waiting-for-batches';
      }
    }
  }

  async #step(batch: PreferenceBatch, offset: bigint, signal: AbortSignal): Promise<void> {
    const { run, scorers, steps, checkpointEvery, logger } = this.#parts;
    const started = performance.now();
    this.#runState = 'training';
    this.#checkDigests(batch, offset);
    const { policy } = this.#state;
    const step = policy.step + 1;
    const shards = cutShards(batch.pairs, run.specification.batch.shards);
    const computed = await scorers.gradients(
      { run, step, policy, batch: batchTotals(batch.pairs), shards },
      { signal, onWaiting: (waiting) => this.#showWaiting(waiting) },
    );
    const facts = batchFacts(
      batch,
      computed.flatMap(({ pairs }) => pairs),
    );
    const gradient = sumGradients(computed.map((shard) => shard.gradient));
    // From here until the step is published the moments are a step ahead of the weights.
    this.#torn = true;
    const next = advance(this.#state, gradient, run.specification, offset + 1n);
    const record: TrainingStep = {
      runId: run.id,
      step,
      batchOffset: `${offset}`,
      learningRate: next.learningRate,
      gradNorm: next.gradNorm,
      ...facts,
      durationMs: performance.now() - started,
      policyDigest: next.state.policy.digest,
    };
    await steps.publish(record);
    this.#previous = policy;
    this.#state = next.state;
    this.#torn = false;
    logger.info('step.taken', { step, loss: facts.loss, margin: facts.margin, durationMs: record.durationMs });
    if (step % checkpointEvery === 0) await this.#writeCheckpoint();
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

  async #writeCheckpoint(): Promise<{ step: number; name: string }> {
    if (this.#torn) {
      throw new AlphapoError(
        'failed-precondition',
        'STEP_FAILED',
        'the last step failed half-way, so there is nothing whole to write: restart the optimizer, it goes on from its last checkpoint',
      );
    }
    const { run, checkpoints, checkpointsKept, logger } = this.#parts;
    const { policy, adam, nextBatchOffset } = this.#state;
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
    logger.info('checkpoint.written', { step: policy.step, name });
    return { step: policy.step, name };
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

function batchError(offset: bigint, problem: string, advice: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'BATCH_REFUSED', `batch at offset ${offset} ${problem}: ${advice}`, {
    metadata: { offset: `${offset}` },
  });
}
