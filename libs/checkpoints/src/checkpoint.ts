import type { FloatTensors } from '@alphapo/base';
import type { RunSpecification } from '@alphapo/contracts';

/**
 * Everything that a run needs to go on from a step as if it had never stopped. What is trained, and by which method,
 * stands in `specification.method`.
 */
export interface Checkpoint {
  readonly runId: string;
  /** Optimizer steps taken; 0 is the start. */
  readonly step: number;
  /** The offset in `preference-batches` that is read next. */
  readonly nextBatchOffset: bigint;
  readonly specification: RunSpecification;
  readonly specificationDigest: string;
  /** Of the base model, as `checkpointDigest` of `@alphapo/safetensors` gives it. */
  readonly modelDigest: string;
  /** Of `parameters`, as `policyDigest` gives it. */
  readonly policyDigest: string;
  readonly tokenizerDigest: string;
  readonly chatTemplateDigest: string;
  /** Updates that AdamW made: less than `step` where steps were skipped. */
  readonly adamStep: number;
  /** The trainable tensors. */
  readonly parameters: FloatTensors;
  /** AdamW's moments, with the names, shapes and order of the parameters. */
  readonly m: FloatTensors;
  readonly v: FloatTensors;
}

/** A checkpoint without its tensors. */
export type CheckpointFacts = Omit<Checkpoint, 'parameters' | 'm' | 'v'>;
