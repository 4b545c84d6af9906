import { beta, labelSmoothing, labelSmoothingOf, nll, nllOf, nllSettings } from './fields.ts';
import { defineObjective } from './record.ts';

/** DPO, arXiv:2305.18290. */
export const dpo = defineObjective({
  kind: 'dpo',
  summary: 'log-ratios to a reference',
  fields: { ...beta, ...labelSmoothing, ...nll },
  settings: { beta: 0.1, labelSmoothing: 0, ...nllSettings },
  learningRate: 5e-7,
  resolve: (settings) => ({ beta: settings.beta, ...labelSmoothingOf(settings), ...nllOf(settings) }),
  reference: 'always',
  nllAverage: (objective) => objective.nll?.average,
});
