import type { GradientRequest } from './engine.ts';
import type { ProgramStyle } from './program-style.ts';
import type { Feeds } from './session.ts';

/**
 * The scale of the loss, for programs that have one. In float16 gradients vanish below 6e-8 and lose digits below 6e-5. So
 * gradients are computed from a scaled loss and scaled back in float32, both by a static power of two (arXiv:1710.03740,
 * section 3.2). A loss is a mean over the batch, so the scale grows with the batch and falls with the largest weight of the
 * pairs. The gradient that arrives at a hidden state depends on neither: about 1e-2 for responses of some hundred tokens. That
 * leaves a factor of a thousand and more below 65504, where gradients become infinite and are reported.
 */
export function lossScaleFeed(
  { batchPairs, pairs }: Pick<GradientRequest, 'batchPairs' | 'pairs'>,
  { precision }: ProgramStyle,
): Feeds {
  if (precision !== 'f16') return {};
  const scale = 32 * powerOfTwo(batchPairs) * powerOfTwo(1 / Math.max(...pairs.map(({ weight }) => weight ?? 1)));
  return { loss_scale: { type: 'f64', shape: [], data: Float64Array.of(scale) } };
}

/** Both the scale and its inverse must be numbers in float32. */
const LARGEST_EXPONENT = 60;

/** The least power of two that is at least a number, within 2^-60 and 2^60. */
function powerOfTwo(number: number): number {
  const exponent = Math.ceil(Math.log2(number));
  return 2 ** Math.max(-LARGEST_EXPONENT, Math.min(exponent, LARGEST_EXPONENT));
}
