import { beta, nll, nllOf, nllSettings, reference } from './fields.ts';
import { defineObjective } from './record.ts';

/** SLiC's delta of 1, in nats of the whole response. */
const SLIC_BETA = 1;
const RSO_BETA = 0.1;

/** SLiC-HF, arXiv:2305.10425; with a reference RSO, arXiv:2309.06657. */
export const hinge = defineObjective({
  kind: 'hinge',
  summary: 'a hinge at a margin of 1',
  fields: { ...beta, ...reference, ...nll },
  settings: { beta: undefined, reference: 'none', ...nllSettings },
  defaultTexts: { beta: `${SLIC_BETA}, with a reference ${RSO_BETA}` },
  learningRate: 5e-7,
  resolve: (settings) => ({
    beta: settings.beta ?? (settings.reference === 'none' ? SLIC_BETA : RSO_BETA),
    reference: settings.reference,
    ...nllOf(settings),
  }),
  reference: 'where-set',
  nllAverage: (objective) => objective.nll?.average,
});
