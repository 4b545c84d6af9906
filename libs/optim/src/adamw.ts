import { AlphapoError, type FloatTensor, type FloatTensors, floatTensor } from '@alphapo/base';
import type { RunSpecification } from '@alphapo/contracts';
import type { UpdatePiece } from './kernels.ts';
import { bundled, piecesOf } from './pieces.ts';
import { checkSameTensors } from './same-tensors.ts';
import { callingThread, type Runner } from './threads.ts';

export type AdamWSettings = Pick<RunSpecification['optimizer'], 'beta1' | 'beta2' | 'epsilon' | 'weightDecay'>;

/** What AdamW remembers between steps; `m` and `v` have the names and shapes of the parameters. */
export interface AdamWState {
  /** Updates made so far. */
  step: number;
  /** Running mean of the gradient. */
  readonly m: FloatTensors;
  /** Running mean of its square. */
  readonly v: FloatTensors;
}

/** The state before the first update: zero moments. */
export function initialAdamWState(parameters: FloatTensors): AdamWState {
  const zeros = () => new Map([...parameters].map(([name, { shape }]) => [name, floatTensor(shape)]));
  return { step: 0, m: zeros(), v: zeros() };
}

/**
 * One update by AdamW (arXiv:1711.05101) as PyTorch computes it; parameters and state change in place:
 *
 *     p ← p (1 − lr λ)                         for tensors of two or more dimensions
 *     g ← gradient · gradientScale
 *     m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
 *     p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *
 * Arithmetic is float64, moments and parameters are stored as float32. Each element depends on its own past only, so the
 * result doesn't depend on how the work is split. `gradientScale` is the factor of clipping. Throws TENSORS_MISMATCH where
 * names or shapes of gradients or moments differ from the parameters', before anything changed.
 */
export async function adamW(
  parameters: FloatTensors,
  gradients: FloatTensors,
  state: AdamWState,
  step: { readonly learningRate: number; readonly gradientScale: number; readonly settings: AdamWSettings },
  runner: Runner = callingThread,
): Promise<void> {
  checkSameTensors(parameters, gradients, 'gradients');
  checkSameTensors(parameters, state.m, 'first moments');
  checkSameTensors(parameters, state.v, 'second moments');
  const { learningRate, gradientScale, settings } = step;
  if (!Number.isFinite(learningRate) || learningRate < 0 || !Number.isFinite(gradientScale)) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_STEP_SIZE',
      `AdamW needs a learning rate of at least 0 and a finite gradient scale, not ${learningRate} and ${gradientScale}`,
    );
  }
  state.step += 1;
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const stepSize = learningRate / (1 - beta1 ** state.step);
  const rootScale = 1 / Math.sqrt(1 - beta2 ** state.step);
  const pieces = [...parameters].flatMap(([name, { shape, data }]) => {
    const decay = shape.length >= 2 ? 1 - learningRate * weightDecay : 1;
    const [g, m, v] = [gradients, state.m, state.v].map((tensors) => (tensors.get(name) as FloatTensor).data);
    const factors = { decay, gradientScale, beta1, beta2, stepSize, rootScale, epsilon };
    const arrays = piecesOf([data, g as Float32Array, m as Float32Array, v as Float32Array]);
    return arrays.map((piece): UpdatePiece => ({ arrays: piece, factors }));
  });
  await runner.run(
    'update',
    bundled(pieces, ({ arrays }) => arrays[0].length),
  );
}
