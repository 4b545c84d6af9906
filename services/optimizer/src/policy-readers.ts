import { AlphapoError } from '@alphapo/base';
import type { Policy, PolicyReading } from './policy.ts';

/** Who reads weights: a scorer for the step under way, which waits for it; an evaluation, for which the next step waits; or anybody else. */
export type PolicyReader = 'scorer' | 'evaluation' | 'other';

/**
 * Policies before the current one that may be read at a time, each a whole set of weights in memory. Scorers have some of
 * their own: others who read slowly must not hold up the training.
 */
const MAX_EARLIER: Readonly<Record<PolicyReader, number>> = {
  other: 2,
  scorer: 4,
  evaluation: Number.POSITIVE_INFINITY,
};
/** Enough for a set of weights to be sent. */
const RETRY_SECONDS = 5;

/** The readers of a run's policies. While slow ones keep earlier policies, further ones are turned away. */
export class PolicyReaders {
  readonly #readings = new Set<PolicyReading>();

  /** Errors: POLICY_READERS (resource-exhausted) where too many earlier policies are still being read. */
  read(policy: Policy, reader: PolicyReader): PolicyReading {
    const steps = new Set([...this.#readings].map(({ step }) => step));
    steps.delete(policy.step);
    if (steps.size >= MAX_EARLIER[reader]) throw tooMany(steps.size);
    const { step, digest, tensors, [Symbol.dispose]: end } = policy.read();
    const reading = {
      ...{ step, digest, tensors },
      [Symbol.dispose]: () => {
        this.#readings.delete(reading);
        end();
      },
    };
    this.#readings.add(reading);
    return reading;
  }
}

function tooMany(policies: number): AlphapoError {
  return new AlphapoError(
    'resource-exhausted',
    'POLICY_READERS',
    `${policies} earlier policies are still being read; retry later, or pause the run`,
    { metadata: { retrySeconds: `${RETRY_SECONDS}` } },
  );
}
