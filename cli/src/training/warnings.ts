import type { Evaluation } from './evaluation.ts';
import type { EvaluatedStep } from './evaluation-file.ts';

/** A sign that a run harms its model, at the first evaluated step that shows it. */
export interface TrainingWarning {
  readonly step: number;
  readonly kind: keyof typeof SIGNS;
  /** What was seen, and what to change. */
  readonly text: string;
}

/** Chosen responses may lose this much log-probability per token, in nats. Demo runs that broke their model lost 3, good ones none. */
const MOST_LOST = 0.5;
/** A mean margin above this, and this many times the median, is carried by few pairs. */
const SMALL_MARGIN = 0.5;
const MEAN_TO_MEDIAN = 5;

/** What is wrong after a step compared with the start; undefined: nothing. */
type Sign = (first: Evaluation, now: Evaluation) => string | undefined;

const SIGNS = {
  /** Likelihood displacement: arXiv:2410.08847. */
  displacement({ logProbChosen: before }, { logProbChosen: now }) {
    if (before - now <= MOST_LOST) return undefined;
    return (
      `held-out chosen responses became less likely (log-probability per token ${before.toFixed(2)} to ${now.toFixed(2)}): the model may ` +
      'answer worse, whatever accuracy and margin say; read its answers (alphapo generate), and try --nll-weight 1, a lower --learning-rate or fewer --steps'
    );
  },
  outliers(_first, { margin, marginMedian: median }) {
    if (median === undefined || margin <= SMALL_MARGIN || margin <= MEAN_TO_MEDIAN * median) return undefined;
    return (
      `few held-out pairs carry the mean margin (mean ${margin.toFixed(2)}, median ${median.toFixed(2)}): go by accuracy and median; ` +
      'an alpha nearer to 0 weights such pairs less'
    );
  },
} satisfies Record<string, Sign>;

/** The warnings of a run, by its evaluations from the start on: one of each kind, in the order in which they appeared. */
export function warningsOf(evaluations: readonly EvaluatedStep[]): TrainingWarning[] {
  const [first] = evaluations;
  if (first === undefined || first.step !== 0) return [];
  const warnings = Object.entries(SIGNS).flatMap(([name, sign]) => {
    const kind = name as TrainingWarning['kind'];
    for (const { step, evaluation } of evaluations.slice(1)) {
      const text = sign(first.evaluation, evaluation);
      if (text !== undefined) return [{ step, kind, text }];
    }
    return [];
  });
  return warnings.sort((a, b) => a.step - b.step);
}
