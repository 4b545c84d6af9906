import { z } from 'zod';
import { dtypeSchema } from './dtype.ts';

/**
 * What decides the bits of a gradient besides the model and the run specification. All scorers of a run agree on it; the
 * run's steps say what it is.
 */
export const computationSchema = z.object({
  /** An execution provider, whichever of its devices. */
  device: z.string(),
  dtype: dtypeSchema,
  threads: z.int().nonnegative(),
  /** ENGINE_REVISION of the engine. */
  engineRevision: z.int().nonnegative(),
  /** The library that executes graphs, and the platform it was built for. */
  runtime: z.string(),
});

export type Computation = z.infer<typeof computationSchema>;
