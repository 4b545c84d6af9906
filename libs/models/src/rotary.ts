import { z } from 'zod';
import { configError, parseConfig, positive, positiveNumber } from './config.ts';
import type { Rotary } from './definition.ts';
import { refuseOtherFields } from './honoured-fields.ts';

/** Rotary options as transformers 5 spells them; `rope_theta`, `rope_scaling` and what follows are transformers 4's. */
export const ropeFields = {
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  rope_theta: positiveNumber.nullish(),
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  partial_rotary_factor: positiveNumber.max(1).nullish(),
  original_max_position_embeddings: positive.nullish(),
};

type RopeConfig = z.infer<z.ZodObject<typeof ropeFields>> & { readonly max_position_embeddings: number };

const DEFAULT_THETA = 10_000;

const options = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positiveNumber.nullish(),
  partial_rotary_factor: positiveNumber.max(1).nullish(),
});
const linearOptions = options.extend({ factor: positiveNumber });
const llama3Options = options.extend({
  factor: positiveNumber,
  low_freq_factor: positiveNumber,
  high_freq_factor: positiveNumber,
  original_max_position_embeddings: positiveNumber,
});
const longropeOptions = options.extend({
  short_factor: z.array(positiveNumber),
  long_factor: z.array(positiveNumber),
  factor: positiveNumber.nullish(),
  attention_factor: positiveNumber.nullish(),
  original_max_position_embeddings: positive,
});

/** Rotary frequencies of a model that rotates whole heads, from either spelling; float64 throughout. */
export function rotaryOf(config: RopeConfig, headDim: number): Rotary {
  const { fields, spelling } = ropeOptions(config);
  if (partialFactor(config, fields) !== 1) {
    configError('partial_rotary_factor', 'is not supported by this architecture, which rotates whole heads');
  }
  return frequencies(config, { fields, spelling, dimensions: headDim });
}

/** The same for a model that may leave the last dimensions of each head as they are (`partial_rotary_factor`). */
export function partialRotaryOf(config: RopeConfig, headDim: number): Rotary {
  const { fields, spelling } = ropeOptions(config);
  const dimensions = Math.floor(headDim * partialFactor(config, fields));
  if (dimensions === 0 || dimensions % 2 !== 0) {
    configError('partial_rotary_factor', `rotates ${dimensions} of ${headDim} dimensions; it must be even`);
  }
  return frequencies(config, { fields, spelling, dimensions });
}

type Fields = z.infer<typeof options>;

/** The options in the spelling that is there. */
function ropeOptions(config: RopeConfig): { readonly fields: Fields; readonly spelling: string } {
  const { rope_parameters: current, rope_scaling: old } = config;
  if (current && old) configError('rope_scaling', 'is given together with rope_parameters; keep one of the two');
  const spelling = current ? 'rope_parameters' : 'rope_scaling';
  const given = current ?? old ?? {};
  const ofLayers = Object.keys(given).find((key) => key.endsWith('_attention'));
  if (ofLayers !== undefined) configError(`${spelling}.${ofLayers}`, 'options per layer type are not supported');
  return { fields: parseConfig(options, given), spelling };
}

const partialFactor = (config: RopeConfig, fields: Fields): number =>
  fields.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;

function frequencies(
  config: RopeConfig,
  { fields, spelling, dimensions }: { readonly fields: Fields; readonly spelling: string; readonly dimensions: number },
): Rotary {
  const theta = fields.rope_theta ?? config.rope_theta ?? DEFAULT_THETA;
  const plain = Float64Array.from({ length: dimensions / 2 }, (_, i) => theta ** ((-2 * i) / dimensions));
  const honoured = <S extends z.ZodObject>(schema: S): z.infer<S> => {
    refuseOtherFields(schema, fields, spelling);
    const length = config.original_max_position_embeddings;
    return parseConfig(schema, length ? { ...fields, original_max_position_embeddings: length } : fields);
  };
  const type = fields.rope_type ?? fields.type ?? 'default';
  switch (type) {
    case 'default':
      honoured(options);
      return unscaled(plain);
    case 'linear': {
      const { factor } = honoured(linearOptions);
      return unscaled(plain.map((frequency) => frequency / factor));
    }
    case 'llama3':
      return unscaled(scaleLlama3(plain, honoured(llama3Options)));
    case 'longrope':
    case 'su':
      return longrope(plain, honoured(longropeOptions), config.max_position_embeddings);
    default:
      return configError(
        'rope_type',
        `${JSON.stringify(type)} is not supported (default, linear, llama3 and longrope are)`,
      );
  }
}

const unscaled = (inverseFrequencies: Float64Array): Rotary => ({ inverseFrequencies, long: undefined, magnitude: 1 });

/**
 * Llama 3.1's scaling: frequencies of long waves are divided by `factor`, those of short waves stay, those between are
 * interpolated by how often the wave fits into the original context.
 */
function scaleLlama3(plain: Float64Array, scaling: z.infer<typeof llama3Options>): Float64Array {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  return plain.map((frequency) => {
    const turns = (context * frequency) / (2 * Math.PI);
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const share = (turns - low) / (high - low);
    return (1 - share) * (frequency / factor) + share * frequency;
  });
}

/**
 * LongRoPE (arXiv:2402.13753): every frequency is divided by a factor of its own, one for sequences within the original
 * context and another for longer ones; cosines and sines are scaled by sqrt(1 + log(extension) / log(original context)).
 */
function longrope(plain: Float64Array, scaling: z.infer<typeof longropeOptions>, positions: number): Rotary {
  const { original_max_position_embeddings: context, factor, attention_factor: given } = scaling;
  const extension = positions / context;
  if (factor && factor !== extension) {
    configError('factor', `${factor} is not max_position_embeddings / original_max_position_embeddings (${extension})`);
  }
  const divided = (name: 'short_factor' | 'long_factor') => {
    const factors = scaling[name];
    if (factors.length !== plain.length) configError(name, `has ${factors.length} numbers; ${plain.length} are needed`);
    return plain.map((frequency, i) => frequency / (factors[i] as number));
  };
  return {
    inverseFrequencies: divided('short_factor'),
    long: { above: context, inverseFrequencies: divided('long_factor') },
    magnitude: given ?? (extension <= 1 ? 1 : Math.sqrt(1 + Math.log(extension) / Math.log(context))),
  };
}

/**
 * Tables [T, rotated dimensions / 2] of cosines and sines, rounded once from float64.
 *
 * @param positions of each token [T]
 * @param lengths of the longest sequence that each token is in [T]: LongRoPE chooses its frequencies by it
 */
export function rotaryTables(
  { inverseFrequencies: short, long, magnitude }: Rotary,
  positions: ArrayLike<number>,
  lengths: ArrayLike<number>,
): { cos: Float32Array; sin: Float32Array } {
  const half = short.length;
  const cos = new Float32Array(positions.length * half);
  const sin = new Float32Array(positions.length * half);
  for (let t = 0; t < positions.length; t++) {
    const position = positions[t] as number;
    const frequencies = long && (lengths[t] as number) > long.above ? long.inverseFrequencies : short;
    for (let i = 0; i < half; i++) {
      const angle = position * (frequencies[i] as number);
      cos[t * half + i] = magnitude * Math.cos(angle);
      sin[t * half + i] = magnitude * Math.sin(angle);
    }
  }
  return { cos, sin };
}
