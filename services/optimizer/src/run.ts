import type { RunSpecification } from '@alphapo/contracts';

/** What a run is, besides its batches. */
export interface Run {
  readonly id: string;
  readonly specification: RunSpecification;
  readonly modelDigest: string;
}
