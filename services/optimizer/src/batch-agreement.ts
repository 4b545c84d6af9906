import { type PreferenceBatch, type RunSpecification, runSpecificationDigest, weightProblem } from '@alphapo/contracts';
import { batchError } from './batches.ts';

/** Digests that every batch of a run must agree on. */
export interface BatchDigests {
  readonly tokenizer: string;
  readonly chatTemplate: string;
}

/** A run learns from one specification, one tokenizer and one template; a batch made otherwise is refused. */
export class BatchAgreement {
  readonly specificationDigest: string;
  #digests: BatchDigests | undefined;

  /** `digests`: those of the batches so far; the first batch's where there was none. */
  constructor(specification: RunSpecification, digests?: BatchDigests) {
    this.specificationDigest = runSpecificationDigest(specification);
    this.#digests = digests;
  }

  /** Undefined before the first batch. */
  get digests(): BatchDigests | undefined {
    return this.#digests;
  }

  /** Errors: BATCH_REFUSED. */
  require(batch: PreferenceBatch, offset: bigint): void {
    if (batch.runSpecificationDigest !== this.specificationDigest) {
      throw batchError(offset, 'was made with another run specification', 'start the tokenizer with this run’s');
    }
    for (const { id, weight } of batch.pairs) {
      const problem = weightProblem(weight);
      if (problem === undefined) continue;
      throw batchError(
        offset,
        `has a pair (${id}) with a wrong weight (${problem})`,
        'only the tokenizer may write to this topic',
      );
    }
    const digests = { tokenizer: batch.tokenizerDigest, chatTemplate: batch.chatTemplateDigest };
    this.#digests ??= digests;
    if (digests.tokenizer !== this.#digests.tokenizer || digests.chatTemplate !== this.#digests.chatTemplate) {
      throw batchError(offset, 'was made with another tokenizer or chat template', 'use the same for a whole run');
    }
  }
}
