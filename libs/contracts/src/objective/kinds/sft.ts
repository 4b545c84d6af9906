import { average } from './fields.ts';
import { defineObjective } from './record.ts';

/** Supervised fine-tuning on the chosen responses. */
export const sft = defineObjective({
  kind: 'sft',
  summary: 'the likelihood of chosen alone',
  fields: average,
  settings: { nllAverage: 'pairs' },
  learningRate: 2e-5,
  resolve: (settings) => ({ average: settings.nllAverage }),
  reference: 'never',
  nllAverage: (objective) => objective.average,
  absent: { average: 'pairs' },
});
