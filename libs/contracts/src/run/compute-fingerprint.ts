import { z } from 'zod';
import type * as wire from '../generated/alphapo/v1/scorer.ts';
import { dtypeSchema } from './dtype.ts';

/**
 * What decides the bits of a gradient besides the model and the run specification. All scorers of a run agree on it; the
 * run's steps say what it is.
 */
export const computeFingerprintSchema = z.object({
  /** An execution provider, whichever of its devices. */
  device: z.string(),
  dtype: dtypeSchema,
  threads: z.int().nonnegative(),
  /** ENGINE_REVISION of the engine. */
  engineRevision: z.int().nonnegative(),
  /** The library that executes graphs, and the platform it was built for. */
  runtime: z.string(),
});

export type ComputeFingerprint = z.infer<typeof computeFingerprintSchema>;

/** As a scorer says it: not yet compared with anything. */
export type ReportedFingerprint = wire.Computation;

/** Of what a scorer or its engine says of itself. Which of several equal devices it has does not decide bits. */
export function computeFingerprintOf(
  scorer: Omit<ReportedFingerprint, 'device'> & Pick<wire.DescribeScorerResponse, 'executionProvider'>,
): ReportedFingerprint {
  const { executionProvider, dtype, threads, engineRevision, runtime } = scorer;
  const [device = ''] = executionProvider.split(':');
  return { device, dtype, threads, engineRevision, runtime };
}
