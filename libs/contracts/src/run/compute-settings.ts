import { z } from 'zod';

/** How the gradient is computed, as far as it may decide its bits: all scorers of a run do it the same way. */
export const computeSettingsSchema = z.strictObject({
  /** Most tokens that are computed at once, unless one pair alone has more. */
  packTokens: z.int().positive(),
  /** What layers compute on the way: kept for the gradient, or computed again when it arrives. */
  activations: z.enum(['kept', 'recomputed']),
  /** Frozen weights: used as they lie in their files, or as packed copies that products go through faster. */
  weights: z.enum(['in-place', 'packed']),
});

export type ComputeSettings = z.infer<typeof computeSettingsSchema>;

/** Enough tokens for matrix products to run at full speed. */
export const DEFAULT_PACK_TOKENS = 1024;

/** Settings that suit any model. */
export const DEFAULT_COMPUTE: ComputeSettings = {
  packTokens: DEFAULT_PACK_TOKENS,
  activations: 'kept',
  weights: 'in-place',
};
