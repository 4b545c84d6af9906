import { AlphapoError } from '@alphapo/base';
import type { CheckpointRetention, CheckpointStore } from '@alphapo/checkpoints';
import { runSpecificationDigest } from '@alphapo/contracts';
import type { Logger } from '@alphapo/telemetry';
import type { BatchDigests } from './batch-agreement.ts';
import type { OptimizerEvents } from './events.ts';
import type { Lease } from './lease.ts';
import type { Run } from './run.ts';
import type { TrainingState } from './training-state.ts';

export interface CheckpointingParts {
  readonly run: Run;
  readonly checkpoints: CheckpointStore;
  /** Steps between two checkpoints. */
  readonly checkpointEvery: number;
  readonly checkpointsKept: CheckpointRetention;
  /** The right to write checkpoints. */
  readonly lease: Lease;
  readonly logger: Logger<OptimizerEvents>;
}

/** What a checkpoint is made of. */
export interface CheckpointSource {
  readonly state: TrainingState;
  readonly digests: BatchDigests | undefined;
}

export interface WrittenCheckpoint {
  readonly step: number;
  readonly name: string;
}

/** Writes checkpoints, one after the other, beside the computing of the next step. */
export class Checkpointing {
  readonly #parts: CheckpointingParts;
  #newestStep: number;
  /** The last one found no room. */
  #overdue = false;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(parts: CheckpointingParts, newestStep: number) {
    this.#parts = parts;
    this.#newestStep = newestStep;
  }

  /** Step of the newest checkpoint. */
  get newestStep(): number {
    return this.#newestStep;
  }

  /** Resolves when no checkpoint is being written; the state must not change before. Rejects if the last one failed permanently. */
  get ended(): Promise<unknown> {
    return this.#writing;
  }

  /** Whether one is to be written after a step. */
  isDue(step: number): boolean {
    return step % this.#parts.checkpointEvery === 0 || this.#overdue;
  }

  /** Writes one as soon as the one before it has ended. `source` may throw where there is nothing whole to write. */
  begin(source: () => CheckpointSource): Promise<WrittenCheckpoint> {
    const written = this.#writing.catch(() => {}).then(() => this.#write(source()));
    this.#writing = written.catch((error: unknown) => this.#goOnWhereFull(error));
    this.#writing.catch(() => {});
    return written;
  }

  /** A full volume may get space again, and a missing checkpoint only costs time after a crash: training continues and retries after each step. */
  #goOnWhereFull(error: unknown): void {
    if (!(error instanceof AlphapoError) || error.reason !== 'DISK_FULL') throw error;
    this.#overdue = true;
    this.#parts.logger.error('checkpoint.failed', {
      newestStep: this.#newestStep,
      retry: 'after the next step',
      error,
    });
  }

  async #write({ state, digests }: CheckpointSource): Promise<WrittenCheckpoint> {
    const { run, checkpoints, checkpointsKept, lease, logger } = this.#parts;
    await lease.assertHeld();
    const started = performance.now();
    const { adam, nextBatchOffset } = state;
    using policy = state.policy.read();
    const name = await checkpoints.write({
      runId: run.id,
      step: policy.step,
      nextBatchOffset,
      specification: run.specification,
      specificationDigest: runSpecificationDigest(run.specification),
      modelDigest: run.modelDigest,
      policyDigest: policy.digest,
      tokenizerDigest: digests?.tokenizer ?? '',
      chatTemplateDigest: digests?.chatTemplate ?? '',
      adamStep: adam.step,
      parameters: policy.tensors,
      m: adam.m,
      v: adam.v,
    });
    await checkpoints.prune(checkpointsKept);
    this.#newestStep = policy.step;
    this.#overdue = false;
    logger.info('checkpoint.written', { step: policy.step, name, durationMs: performance.now() - started });
    return { step: policy.step, name };
  }
}
