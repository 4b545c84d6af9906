import type * as wire from '../generated/alphapo/v1/scorer.ts';
import { type ComputeSettings, DEFAULT_PACK_TOKENS } from './compute-settings.ts';

export function computeToWire({ packTokens, activations, weights }: ComputeSettings): wire.ComputeSettings {
  return { packTokens, recomputeActivations: activations === 'recomputed', packWeights: weights === 'packed' };
}

/** Fields that are absent have their defaults. */
export function computeFromWire(compute: wire.ComputeSettings | undefined): ComputeSettings {
  return {
    packTokens: compute?.packTokens || DEFAULT_PACK_TOKENS,
    activations: compute?.recomputeActivations ? 'recomputed' : 'kept',
    weights: compute?.packWeights ? 'packed' : 'in-place',
  };
}
