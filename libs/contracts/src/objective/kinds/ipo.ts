import { beta, logProb, nll, nllOf, nllSettings, reference } from './fields.ts';
import { defineObjective } from './record.ts';

/** IPO, arXiv:2310.12036. */
export const ipo = defineObjective({
  kind: 'ipo',
  summary: 'the squared distance of log-ratios from a target',
  fields: { ...beta, ...logProb, ...reference, ...nll },
  settings: { beta: 0.1, logProb: 'mean', reference: 'base', ...nllSettings },
  learningRate: 5e-7,
  resolve: (settings) => ({
    beta: settings.beta,
    logProb: settings.logProb,
    reference: settings.reference,
    ...nllOf(settings),
  }),
  reference: 'where-set',
  nllAverage: (objective) => objective.nll?.average,
});
