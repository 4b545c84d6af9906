import { beta, nll, nllOf, nllSettings } from './fields.ts';
import { defineObjective } from './record.ts';

/** ORPO, arXiv:2403.07691. */
export const orpo = defineObjective({
  kind: 'orpo',
  summary: 'the likelihood of chosen and an odds ratio',
  fields: { ...beta, ...nll },
  settings: { beta: 0.1, ...nllSettings },
  learningRate: 8e-6,
  resolve: (settings) => ({ beta: settings.beta, ...nllOf(settings) }),
  reference: 'never',
  // The likelihood of its own is that of each pair alone.
  nllAverage: (objective) => objective.nll?.average,
});
