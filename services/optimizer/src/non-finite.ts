import { AlphapoError, type FloatTensors } from '@alphapo/base';
import type { PairResult, SkippedStep } from '@alphapo/contracts';
import { globalNorm, type Runner } from '@alphapo/optim';

/** Pairs that a message lists before it counts the rest. */
const LISTED_PAIRS = 10;

/** Which pairs of a shard have a loss that is not finite, or all of them where only the gradient is not. */
export async function nonFiniteIn(
  pairs: readonly PairResult[],
  gradient: FloatTensors,
  runner: Runner,
): Promise<SkippedStep | undefined> {
  const broken = pairs.filter(({ reward }) => !Number.isFinite(reward?.loss)).map(({ id }) => id);
  if (broken.length > 0) return { reason: 'NON_FINITE_LOSS', pairIds: broken };
  if ((await finiteNorm(gradient, runner)) !== undefined) return undefined;
  return { reason: 'NON_FINITE_GRADIENT', pairIds: pairs.map(({ id }) => id) };
}

/** The global norm of a gradient; undefined where an element is not finite. */
export async function finiteNorm(gradient: FloatTensors, runner: Runner): Promise<number | undefined> {
  try {
    return await globalNorm(gradient, runner);
  } catch (error) {
    if (error instanceof AlphapoError && error.reason === 'NON_FINITE_GRADIENT') return undefined;
    throw error;
  }
}

/** What is not finite in a batch, by its shards: a pair's loss says more than a gradient does. */
export function nonFiniteOf(found: readonly (SkippedStep | undefined)[]): SkippedStep | undefined {
  const some = found.filter((one) => one !== undefined);
  const [first] = some;
  if (first === undefined) return undefined;
  const reason = some.some((one) => one.reason === 'NON_FINITE_LOSS') ? 'NON_FINITE_LOSS' : first.reason;
  return { reason, pairIds: some.filter((one) => one.reason === reason).flatMap(({ pairIds }) => pairIds) };
}

/** The error of a run that stops at such a batch. */
export function nonFiniteError(step: number, { reason, pairIds }: SkippedStep): AlphapoError {
  const what = reason === 'NON_FINITE_LOSS' ? 'the loss' : 'the gradient';
  const listed = pairIds.slice(0, LISTED_PAIRS).join(', ');
  const more = pairIds.length > LISTED_PAIRS ? ` and ${pairIds.length - LISTED_PAIRS} more` : '';
  return new AlphapoError(
    'failed-precondition',
    reason,
    `step ${step}: ${what} is not finite for ${listed}${more}; check these pairs, lower the learning rate, use another dtype than float16, or skip such batches (on-non-finite)`,
    { metadata: { step: `${step}` } },
  );
}
