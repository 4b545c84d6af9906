import { elementCount } from '@alphapo/base';
import { z } from 'zod';
import { configError, parseConfig } from './config.ts';
import type { ModelDefinition } from './definition.ts';

/** A short configuration can ask for more memory than any machine has. It is rejected before anything is allocated. */

/** Lists have an element per layer; the deepest models have some hundred. */
const MOST_LAYERS = 10_000;
/** Rotary tables have a column per dimension of a head; the widest models have some ten thousand in all heads. */
const WIDEST = 2 ** 20;
/** Positions are 32-bit integers. */
const MOST_POSITIONS = 2 ** 31;

const atMost = (most: number) =>
  z
    .unknown()
    .refine((size) => typeof size !== 'number' || size <= most, `exceeds ${most}`)
    .optional();

/** The fields that decide a model's size, by the names that all architectures share. */
const limits = z.looseObject({
  num_hidden_layers: atMost(MOST_LAYERS),
  n_layer: atMost(MOST_LAYERS),
  hidden_size: atMost(WIDEST),
  n_embd: atMost(WIDEST),
  head_dim: atMost(WIDEST),
});

/** Errors: MODEL_CONFIG with the field. */
export function checkSizes(config: unknown): void {
  parseConfig(limits, config);
}

/** Checks the resolved configuration. Errors: MODEL_CONFIG. */
export function checkDefinition({ parameters, rotary }: ModelDefinition): void {
  const count = parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (!Number.isSafeInteger(count)) configError('(root)', `these sizes give a model of ${count} parameters`);
  const frequencies = [rotary, rotary?.long].flatMap((table) => [...(table?.inverseFrequencies ?? [])]);
  if (!frequencies.every((frequency) => Number.isFinite(frequency * MOST_POSITIONS * (rotary?.magnitude ?? 1)))) {
    configError('rope_theta', 'the rotary options give angles that are not finite');
  }
}
