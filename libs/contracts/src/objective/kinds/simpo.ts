import { beta, gamma, gammaOf, labelSmoothing, labelSmoothingOf, nll, nllOf, nllSettings } from './fields.ts';
import { defineObjective } from './record.ts';

/** SimPO, arXiv:2405.14734; its repository has the recipes for the later models. */
export const simpo = defineObjective({
  kind: 'simpo',
  summary: 'a margin of mean log-probabilities',
  fields: { ...beta, ...gamma, ...labelSmoothing, ...nll },
  settings: { beta: 2.5, gamma: undefined, gammaRatio: 0.5, labelSmoothing: 0, ...nllSettings },
  learningRate: 5e-7,
  resolve: (settings) => ({
    beta: settings.beta,
    ...gammaOf(settings),
    ...labelSmoothingOf(settings),
    ...nllOf(settings),
  }),
  reference: 'never',
  nllAverage: (objective) => objective.nll?.average,
  presets: {
    'simpo-mistral-7b-instruct': { beta: 2.5, gammaRatio: 0.1, learningRate: 5e-7 },
    'simpo-llama-3-8b-instruct': { beta: 2.5, gammaRatio: 0.55, learningRate: 1e-6 },
    'simpo-llama-3-8b-instruct-v0.2': { beta: 10, gammaRatio: 0.3, learningRate: 1e-6 },
    'simpo-gemma-2-9b-it': { beta: 10, gammaRatio: 0.5, learningRate: 8e-7 },
  },
});
