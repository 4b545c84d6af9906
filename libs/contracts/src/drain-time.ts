import { z } from 'zod';

/** Node's timers know no longer time than 24.8 days, and nobody waits that long for a pod. */
const MAX_SECONDS = 86_400;

/** The variable ALPHAPO_DRAIN_SECONDS of every service; comes as milliseconds. */
export const drainTimeSchema = z.coerce
  .number()
  .nonnegative()
  .max(MAX_SECONDS)
  .transform((seconds) => seconds * 1000)
  .optional()
  .describe('seconds that running calls have to end when the service is stopped; then they are cut off');
