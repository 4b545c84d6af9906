import { AlphapoError } from '@alphapo/base';
import type { Dtype, ExecutionProvider } from '@alphapo/contracts';

/** How a program computes: what suits its device, in the precision that was asked for. */
export interface ProgramStyle {
  /** Element type of frozen weights and activations; what is trained, and sums over many elements, are float32 or more. */
  readonly precision: 'f32' | 'f16' | 'bf16';
  readonly attention: 'blocks' | 'whole';
}

const PRECISION = { float32: 'f32', bfloat16: 'bf16', float16: 'f16' } as const;

/** How programs for a device compute. Errors: DTYPE_NOT_AVAILABLE. */
export function programStyle(provider: ExecutionProvider, dtype: Dtype): ProgramStyle {
  if (provider === 'webgpu' && dtype === 'bfloat16') {
    throw new AlphapoError(
      'failed-precondition',
      'DTYPE_NOT_AVAILABLE',
      'WebGPU has no bfloat16; use float16 or float32. Weights stored in bfloat16 can be read',
      { metadata: { device: provider, dtype } },
    );
  }
  return { precision: PRECISION[dtype], attention: provider === 'cpu' ? 'blocks' : 'whole' };
}
