/** A paper's recipe: its objective with its numbers, and its peak learning rate for all weights. */
export interface Preset {
  readonly objective: 'alphapo' | 'simpo';
  readonly alpha?: number;
  readonly beta: number;
  readonly gammaRatio: number;
  readonly learningRate: number;
}

/**
 * The recipes of AlphaPO (arXiv:2501.03884) and SimPO (arXiv:2405.14734, and its repository for the later models), each by
 * objective and model. They share what is the default anyway: 128 pairs a step, one epoch, a cosine with 10 % warm-up.
 */
export const PRESETS = {
  'alphapo-mistral-7b-instruct': {
    objective: 'alphapo',
    alpha: 0.25,
    beta: 2.5,
    gammaRatio: 0.1,
    learningRate: 7e-7,
  },
  'simpo-mistral-7b-instruct': { objective: 'simpo', beta: 2.5, gammaRatio: 0.1, learningRate: 5e-7 },
  'simpo-llama-3-8b-instruct': { objective: 'simpo', beta: 2.5, gammaRatio: 0.55, learningRate: 1e-6 },
  'simpo-llama-3-8b-instruct-v0.2': { objective: 'simpo', beta: 10, gammaRatio: 0.3, learningRate: 1e-6 },
  'simpo-gemma-2-9b-it': { objective: 'simpo', beta: 10, gammaRatio: 0.5, learningRate: 8e-7 },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
