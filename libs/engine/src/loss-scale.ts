import type { GradientRequest } from './engine.ts';
import type { ProgramStyle } from './program-style.ts';
import type { Feeds } from './session.ts';

/**
 * The scale of the loss that gradients are computed of, for programs that have one. In float16 gradients vanish below 6e-8
 * and lose digits below 6e-5, so they are computed of a loss that is scaled, and scaled back in float32: by a static power of
 * two, arXiv:1710.03740, section 3.2. A loss is a mean over the batch, so the scale grows with the batch, and what arrives at
 * a hidden state does not depend on it: about 1e-2 for responses of some hundred tokens, with room for a thousand times more
 * before 65504, where gradients become infinite and are reported.
 */
export function lossScaleFeed({ batchPairs }: Pick<GradientRequest, 'batchPairs'>, { precision }: ProgramStyle): Feeds {
  if (precision !== 'f16') return {};
  const scale = 32 * 2 ** Math.ceil(Math.log2(batchPairs));
  return { loss_scale: { type: 'f64', shape: [], data: Float64Array.of(scale) } };
}
