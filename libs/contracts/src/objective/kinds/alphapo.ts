import { z } from 'zod';
import { beta, gamma, gammaOf, labelSmoothing, labelSmoothingOf, nll, nllOf, nllSettings } from './fields.ts';
import { defineObjective } from './record.ts';

/** AlphaPO, arXiv:2501.03884. */
export const alphapo = defineObjective({
  kind: 'alphapo',
  summary: 'a margin of rewards shaped by alpha',
  fields: { alpha: z.number(), ...beta, ...gamma, ...labelSmoothing, ...nll },
  settings: { alpha: 0.25, beta: 2.5, gamma: undefined, gammaRatio: 0.1, labelSmoothing: 0, ...nllSettings },
  learningRate: 7e-7,
  resolve: (settings) => ({
    alpha: settings.alpha,
    beta: settings.beta,
    ...gammaOf(settings),
    ...labelSmoothingOf(settings),
    ...nllOf(settings),
  }),
  reference: 'never',
  nllAverage: (objective) => objective.nll?.average,
  presets: {
    'alphapo-mistral-7b-instruct': { alpha: 0.25, beta: 2.5, gammaRatio: 0.1, learningRate: 7e-7 },
  },
});
