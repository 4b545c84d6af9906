import { beta, labelSmoothing, labelSmoothingOf, nll, nllOf, nllSettings } from './fields.ts';
import { defineObjective } from './record.ts';

/** CPO, arXiv:2401.08417. */
export const cpo = defineObjective({
  kind: 'cpo',
  summary: 'summed log-probabilities and the likelihood of chosen',
  fields: { ...beta, ...labelSmoothing, ...nll },
  settings: { beta: 0.1, labelSmoothing: 0, ...nllSettings, nllWeight: 1 },
  learningRate: 5e-7,
  resolve: (settings) => ({ beta: settings.beta, ...labelSmoothingOf(settings), ...nllOf(settings) }),
  reference: 'never',
  nllAverage: (objective) => objective.nll?.average,
});
