import type { Objective, ObjectiveKind, ObjectiveOf } from '@alphapo/contracts';
import { type Pair, response } from './formulas.fixture.ts';

type Examples = { readonly [K in ObjectiveKind]: readonly Omit<ObjectiveOf<K>, 'kind'>[] };

/** Every objective, with each of its fields; the type makes the table exhaustive. */
const EXAMPLES: Examples = {
  alphapo: [
    { alpha: 0.01, beta: 2.5, gamma: 0.25 },
    { alpha: -0.25, beta: 2.5, gamma: 0.25 },
    { alpha: 0.01, beta: 2.5, gamma: 1, labelSmoothing: 0.1 },
  ],
  simpo: [
    { beta: 2.5, gamma: 1.25 },
    { beta: 2.5, gamma: 1.25, labelSmoothing: 0.4 },
  ],
  dpo: [{ beta: 0.1 }, { beta: 0.1, labelSmoothing: 0.1 }, { beta: 0.1, nll: { weight: 1, average: 'pairs' } }],
  ipo: (['base', 'none'] as const).flatMap((reference) =>
    (['mean', 'sum'] as const).map((logProb) => ({ beta: 0.1, logProb, reference })),
  ),
  orpo: [{ beta: 0.1 }],
  cpo: [{ beta: 0.1 }, { beta: 0.1, labelSmoothing: 0.2 }, { beta: 0.1, nll: { weight: 0.5, average: 'tokens' } }],
  hinge: [
    { beta: 1, reference: 'none' },
    { beta: 0.05, reference: 'base' },
  ],
  sft: [{ average: 'pairs' }, { average: 'tokens' }],
};

export const exampleObjectives = Object.entries(EXAMPLES).flatMap(([kind, list]) =>
  list.map((fields) => ({ kind, ...fields }) as Objective),
);

/** Means from all but 0 to far in the tail. */
const MEANS = [-1e-12, -1e-9, -1e-6, -1e-3, -0.1, -Math.LN2, -1, -10, -37, -100, -800, -1e4];
const [CHOSEN_TOKENS, REJECTED_TOKENS] = [7, 3];

/** Each mean with each, the reference far from both, near to one, and near to the other. */
export const examplePairs: readonly Pair[] = MEANS.flatMap((chosen) =>
  MEANS.map((rejected, i) => ({
    chosen: response(chosen, CHOSEN_TOKENS, [-5, chosen * CHOSEN_TOKENS * 1.01, -1e4][i % 3] as number),
    rejected: response(rejected, REJECTED_TOKENS, [-1e-9, -5, rejected * REJECTED_TOKENS * 0.99][i % 3] as number),
  })),
);
