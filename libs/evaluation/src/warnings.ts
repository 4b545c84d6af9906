import type { EvaluatedAnswers, EvaluatedPairs, EvaluatedStep } from '@alphapo/contracts';

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
/** So much of the share of right answers may be lost. */
const MOST_WRONGED = 0.1;
/** Repetition may rise by this much, and the share of answers that end may fall by it. */
const MOST_REPEATED = 0.2;
const MOST_UNENDED = 0.3;
/** Answers may become this many times as long or short. */
const MOST_STRETCHED = 2;

const REMEDY = 'try --nll-weight 1, a lower --learning-rate or fewer --steps';

/** What is wrong after a step compared with the first evaluation; undefined: nothing, or it was not measured. */
type Sign = (first: EvaluatedStep, now: EvaluatedStep) => string | undefined;

const ofPairs =
  (sign: (first: EvaluatedPairs, now: EvaluatedPairs) => string | undefined): Sign =>
  (first, now) =>
    first.evaluation && now.evaluation && sign(first.evaluation, now.evaluation);

const ofAnswers =
  (sign: (first: EvaluatedAnswers, now: EvaluatedAnswers) => string | undefined): Sign =>
  (first, now) =>
    first.answers && now.answers && sign(first.answers, now.answers);

const SIGNS = {
  /** Likelihood displacement: arXiv:2410.08847. */
  displacement: ofPairs(({ logProbChosen: before }, { logProbChosen: now }) => {
    if (before - now <= MOST_LOST) return undefined;
    return (
      `held-out chosen responses became less likely (log-probability per token ${before.toFixed(2)} to ${now.toFixed(2)}): the model may ` +
      `answer worse, whatever accuracy and margin say; read its answers (--eval-prompts, alphapo generate), and ${REMEDY}`
    );
  }),
  outliers: ofPairs((_first, { margin, marginMedian: median }) => {
    if (median === undefined || margin <= SMALL_MARGIN || margin <= MEAN_TO_MEDIAN * median) return undefined;
    return (
      `few held-out pairs carry the mean margin (mean ${margin.toFixed(2)}, median ${median.toFixed(2)}): go by accuracy and median; ` +
      'an alpha nearer to 0 weights such pairs less'
    );
  }),
  wrong: ofAnswers(({ right: before }, { right: now }) => {
    if (before === undefined || now === undefined || before - now <= MOST_WRONGED) return undefined;
    return `fewer answers are right (${percent(before)} to ${percent(now)}): ${REMEDY}`;
  }),
  repetition: ofAnswers(({ repetition: before }, { repetition: now }) => {
    if (now - before <= MOST_REPEATED) return undefined;
    return `answers repeat themselves (repeated sequences of 4 tokens: ${percent(before)} to ${percent(now)}): ${REMEDY}`;
  }),
  endless: ofAnswers(({ ended: before }, { ended: now }) => {
    if (before - now <= MOST_UNENDED) return undefined;
    return `fewer answers come to an end (${percent(before)} to ${percent(now)}): ${REMEDY}; check that the chosen responses are not cut off`;
  }),
  length: ofAnswers(({ tokens: before }, { tokens: now }) => {
    if (now <= MOST_STRETCHED * before && before <= MOST_STRETCHED * now) return undefined;
    return (
      `answers have another length (mean ${before.toFixed(0)} to ${now.toFixed(0)} tokens): compare the lengths of chosen and rejected responses ` +
      `(alphapo inspect); if the answers are worse, ${REMEDY}`
    );
  }),
} satisfies Record<string, Sign>;

/** Signs that a run has broken its model. Others are told, but may be what the data ask for. */
const COLLAPSE: readonly TrainingWarning['kind'][] = ['wrong', 'repetition', 'endless'];

/**
 * The warnings of a run, by its evaluations on the same data: one of each kind, in the order in which they appeared. Each compares with
 * the first evaluation: that of the base model, or where evaluating began later, of an early policy.
 */
export function warningsOf(evaluations: readonly EvaluatedStep[]): TrainingWarning[] {
  const [first, ...later] = evaluations;
  if (first === undefined) return [];
  const warnings = Object.entries(SIGNS).flatMap(([name, sign]) => {
    const kind = name as TrainingWarning['kind'];
    for (const now of later) {
      const text = sign(first, now);
      if (text !== undefined) return [{ step: now.step, kind, text }];
    }
    return [];
  });
  return warnings.sort((a, b) => a.step - b.step);
}

/**
 * The first sign that a run has broken its model: answers that are wrong, repeat themselves or do not end. Where no answers are
 * evaluated, displacement is the sign.
 */
export function collapseOf(evaluations: readonly EvaluatedStep[]): TrainingWarning | undefined {
  const kinds = evaluations.at(0)?.answers === undefined ? ['displacement'] : COLLAPSE;
  return warningsOf(evaluations).find(({ kind }) => (kinds as readonly string[]).includes(kind));
}

/**
 * The evaluated step whose policy is the best before a collapse: by right answers, else by the accuracy on held-out pairs; of
 * equals the later one. Undefined where none is.
 *
 * @param among steps that may be it; all evaluated ones where absent
 */
export function bestStepOf(
  evaluations: readonly EvaluatedStep[],
  among: readonly (number | undefined)[] = evaluations.map(({ step }) => step),
): number | undefined {
  const end = collapseOf(evaluations)?.step ?? Number.POSITIVE_INFINITY;
  let best: { readonly step: number; readonly worth: number } | undefined;
  for (const { step, evaluation, answers } of evaluations) {
    const worth = answers?.right ?? evaluation?.accuracy ?? 0;
    if (step < end && among.includes(step) && (best === undefined || worth >= best.worth)) best = { step, worth };
  }
  return best?.step;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
