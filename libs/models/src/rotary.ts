import { z } from 'zod';
import { configError, parseConfig } from './config.ts';
import type { Rotary } from './definition.ts';

interface RopeConfig {
  readonly rope_parameters?: Record<string, unknown> | null | undefined;
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Record<string, unknown> | null | undefined;
}

const DEFAULT_THETA = 10_000;

const llama3Scaling = z.object({
  factor: z.number().positive(),
  low_freq_factor: z.number().positive(),
  high_freq_factor: z.number().positive(),
  original_max_position_embeddings: z.number().positive(),
});

/** Rotary frequencies of a configuration in either spelling; float64 throughout. */
export function rotaryOf(config: RopeConfig, headDim: number): Rotary {
  const options = config.rope_parameters ?? config.rope_scaling ?? {};
  const theta = Number(options.rope_theta ?? config.rope_theta ?? DEFAULT_THETA);
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  const type = options.rope_type ?? options.type ?? 'default';
  switch (type) {
    case 'default':
      return { inverseFrequencies: plain };
    case 'linear': {
      const { factor } = parseConfig(z.object({ factor: z.number().positive() }), options);
      return { inverseFrequencies: plain.map((frequency) => frequency / factor) };
    }
    case 'llama3':
      return { inverseFrequencies: scaleLlama3(plain, parseConfig(llama3Scaling, options)) };
    default:
      return configError('rope_type', `${JSON.stringify(type)} is not supported (default, linear and llama3 are)`);
  }
}

/**
 * Llama 3.1's scaling: frequencies of long waves are divided by `factor`, those of short waves stay, those between are
 * interpolated by how often the wave fits into the original context.
 */
function scaleLlama3(frequencies: Float64Array, scaling: z.infer<typeof llama3Scaling>): Float64Array {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  return frequencies.map((frequency) => {
    const turns = (context * frequency) / (2 * Math.PI);
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const share = (turns - low) / (high - low);
    return (1 - share) * (frequency / factor) + share * frequency;
  });
}

/** Tables [positions, headDim / 2] of cosines and sines, rounded once from float64. */
export function rotaryTables(
  { inverseFrequencies }: Rotary,
  positions: ArrayLike<number>,
): { cos: Float32Array; sin: Float32Array } {
  const half = inverseFrequencies.length;
  const cos = new Float32Array(positions.length * half);
  const sin = new Float32Array(positions.length * half);
  for (let t = 0; t < positions.length; t++) {
    const position = positions[t] as number;
    for (let i = 0; i < half; i++) {
      const angle = position * (inverseFrequencies[i] as number);
      cos[t * half + i] = Math.cos(angle);
      sin[t * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
