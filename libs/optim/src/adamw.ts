import { AlphapoError, type FloatTensor, type FloatTensors, floatTensor } from '@alphapo/base';
import type { RunSpecification } from '@alphapo/contracts';
import { checkSameTensors } from './same-tensors.ts';

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
 * Arithmetic is float64, moments and parameters are stored as float32. Tensors are walked one after the other and each
 * element depends on its own past only, so the result doesn't depend on anything else. `gradientScale` is the factor of
 * clipping. Throws TENSORS_MISMATCH where names or shapes of gradients or moments differ from the parameters', before
 * anything changed.
 */
export function adamW(
  parameters: FloatTensors,
  gradients: FloatTensors,
  state: AdamWState,
  step: { readonly learningRate: number; readonly gradientScale: number; readonly settings: AdamWSettings },
): void {
  checkSameTensors(parameters, gradients, 'gradients');
  checkSameTensors(parameters, state.m, 'first moments');
  checkSameTensors(parameters, state.v, 'second moments');
  const { learningRate, gradientScale, settings } = step;
  if (!Number.isFinite(learningRate) || learningRate < 0 || !Number.isFinite(gradientScale)) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_STEP_SIZE',
      `AdamW needs a learning rate from 0 on and a finite gradient scale, not ${learningRate} and ${gradientScale}`,
    );
  }
  state.step += 1;
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const stepSize = learningRate / (1 - beta1 ** state.step);
  const rootScale = 1 / Math.sqrt(1 - beta2 ** state.step);
  for (const [name, parameter] of parameters) {
    const decay = parameter.shape.length >= 2 ? 1 - learningRate * weightDecay : 1;
    const [g, m, v] = [gradients, state.m, state.v].map((tensors) => (tensors.get(name) as FloatTensor).data);
    update(parameter.data, g as Float32Array, m as Float32Array, v as Float32Array, {
      decay,
      gradientScale,
      beta1,
      beta2,
      stepSize,
      rootScale,
      epsilon,
    });
  }
}

interface Factors {
  readonly decay: number;
  readonly gradientScale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly stepSize: number;
  readonly rootScale: number;
  readonly epsilon: number;
}

/** The loop over one tensor: no allocation, one square root and one division an element. */
function update(p: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array, factors: Factors): void {
  const { decay, gradientScale, beta1, beta2, stepSize, rootScale, epsilon } = factors;
  const gain1 = (1 - beta1) * gradientScale;
  const gain2 = (1 - beta2) * gradientScale * gradientScale;
  for (let i = 0; i < p.length; i++) {
    const gradient = g[i] as number;
    const mean = beta1 * (m[i] as number) + gain1 * gradient;
    const square = beta2 * (v[i] as number) + gain2 * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    p[i] = decay * (p[i] as number) - (stepSize * mean) / (Math.sqrt(square) * rootScale + epsilon);
  }
}
