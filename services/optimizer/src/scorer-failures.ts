import { AlphapoError } from '@alphapo/base';
import { isExplained, isMismatch, type Scorer } from './scorer.ts';
import type { ShardPlace } from './shards.ts';

/** A request may fail this often for reasons that nobody can name, and then on each scorer, before it is given up. */
const MAX_UNEXPLAINED_FAILURES = 5;

/** The failures of one request on all scorers. */
export class RequestFailures {
  readonly on = new Set<Scorer>();
  #unexplained = 0;

  /**
   * Sets the scorer aside as its error deserves. Returns what follows: ask another one, look whether the policy is gone because another
   * optimizer took over, or give up, as no scorer would do better.
   */
  add(scorer: Scorer, error: unknown, { all, place }: FailurePlace): 'ask-another' | 'policy-gone' | 'give-up' {
    this.on.add(scorer);
    if (isMismatch(error)) {
      scorer.quarantine(error, place);
      return 'ask-another';
    }
    if (isWrong(error)) {
      scorer.answeredWrongly(error, place);
      return 'ask-another';
    }
    scorer.failed(error, place);
    if (isPolicyGone(error)) return 'policy-gone';
    if (isExplained(error)) return 'ask-another';
    this.#unexplained++;
    const limit = isRefusal(error) ? 1 : MAX_UNEXPLAINED_FAILURES;
    const others = [...all].filter((one) => one.phase !== 'quarantined' && one.description);
    return this.#unexplained >= limit && others.every((one) => this.on.has(one)) ? 'give-up' : 'ask-another';
  }
}

interface FailurePlace {
  readonly all: Iterable<Scorer>;
  /** Where in the run, for the log. */
  readonly place?: ShardPlace | undefined;
}

const codeOf = (error: unknown) => (error instanceof AlphapoError ? error.code : undefined);

/** The scorer answered, but not what it was asked, or what it answered was damaged on the way. */
const isWrong = (error: unknown): boolean => codeOf(error) === 'data-loss';

const isPolicyGone = (error: unknown): boolean => error instanceof AlphapoError && error.reason === 'POLICY_GONE';

/** The request itself is refused: a second try would be, too. */
const isRefusal = (error: unknown): boolean => codeOf(error) === 'invalid-argument';
