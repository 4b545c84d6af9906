import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import {
  type DescribeScorerRequest,
  type DescribeScorerResponse,
  OPTIMIZER_UNAVAILABLE,
  ScoreRequest,
  type ScoreResponse,
  type ScorerServiceDefinition,
} from '@alphapo/contracts';
import type { CallContext, CallSettings, Client } from '@alphapo/rpc';
import { meter, SECONDS_BUCKETS } from '@alphapo/telemetry';
import { COME_AGAIN_SECONDS, type HeldCalls } from './held-calls.ts';
import type { ChosenScorer, ReadyScorers } from './ready-scorers.ts';
import type { Needed, Waker } from './waker.ts';

const LOOK_MS = 100;
/** A scorer that has just gone is the first failure; what fails again is something else, and gets time. */
const IMMEDIATE_RETRIES = 1;
/** Between two calls of a scorer that could not reach the optimizer. */
const OPTIMIZER_MS = 500;
/** gRPC has no deadline where the client gave none; a call to a scorer has one. */
const LONGEST_CALL_MS = 24 * 60 * 60_000;

const waited = meter.histogram({
  name: 'alphapo_activator_wait_seconds',
  help: 'Time from the arrival of a call until it is forwarded to a ready scorer.',
  buckets: SECONDS_BUCKETS,
});

export interface ActivatorParts {
  readonly scorers: ReadyScorers;
  readonly wakers: Readonly<Record<Needed, Waker>>;
  /** Calls that wait for a scorer. */
  readonly held: HeldCalls;
  /** How long a call waits for a scorer, in milliseconds. */
  readonly waitMs: number;
  /** Address for gradients: the scorers themselves. */
  readonly scorerPods: string;
  /** Aborts when this replica is to end: waiting calls should retry with another one. */
  readonly stopping: AbortSignal;
  /** Calls are made with this replica's own token, because it has checked the caller's. */
  readonly trustsCallers: boolean;
}

/**
 * The scorer's methods for applications: calls are forwarded to a ready scorer; if there is none, one is started and they wait
 * for it.
 */
export class ActivatorService {
  readonly #parts: ActivatorParts;

  constructor(parts: ActivatorParts) {
    this.#parts = parts;
  }

  describeScorer(request: DescribeScorerRequest, context: CallContext): Promise<DescribeScorerResponse> {
    const demand = { needed: ['scorer'], bytes: () => 0 } as const;
    return this.#forward(demand, context, (scorer, settings) => scorer.describeScorer(request, settings));
  }

  score(request: ScoreRequest, context: CallContext): Promise<ScoreResponse> {
    const demand = { needed: neededFor(request), bytes: () => ScoreRequest.encode(request).finish().length };
    return this.#forward(demand, context, (scorer, settings) => scorer.score(request, settings));
  }

  /** Only the optimizer requests gradients, directly from the scorers. */
  // biome-ignore lint/correctness/useYield: it has nothing to yield
  async *gradient(): AsyncGenerator<never> {
    throw new AlphapoError(
      'unimplemented',
      'GRADIENT_NOT_FORWARDED',
      `this service does not forward Gradient; call the scorers at ${this.#parts.scorerPods}`,
    );
  }

  /** Forwards to a ready scorer; retries another if that one is gone, as long as the call may wait. */
  async #forward<T>(
    demand: Demand,
    context: CallContext,
    ask: (scorer: Client<ScorerServiceDefinition>, settings: CallSettings) => Promise<T>,
  ): Promise<T> {
    const { wakers, waitMs, trustsCallers } = this.#parts;
    using uses = new DisposableStack();
    for (const component of demand.needed) uses.use(wakers[component].use());
    const arrivedMs = performance.now();
    const attempts: Attempts = { untilMs: arrivedMs + waitMs, failures: 0, lastFailure: undefined };
    const { signal, deadline } = context;
    const authorization = trustsCallers ? undefined : (context.authorization ?? 'none');
    for (;;) {
      using scorer = await this.#readyScorer(demand, signal, attempts);
      if (attempts.lastFailure === undefined) waited.observe((performance.now() - arrivedMs) / 1000);
      try {
        const timeoutMs = Math.min(deadline - Date.now(), LONGEST_CALL_MS);
        return await ask(scorer.connection, { timeoutMs, signal, authorization });
      } catch (error) {
        if (signal.aborted || !hasGone(error)) throw error;
        // There was no answer, and a score changes nothing: it may be asked for again.
        attempts.lastFailure = error;
        this.#wake(demand);
        if (error.reason === OPTIMIZER_UNAVAILABLE) {
          await this.#awaitOptimizer(demand, signal);
        } else {
          attempts.failures++;
          await scorer.failed();
        }
      }
    }
  }

  /** The scorer is well: it is asked again once the optimizer had some time to come. */
  async #awaitOptimizer(demand: Demand, signal: AbortSignal): Promise<void> {
    using _place = this.#parts.held.enter(demand.bytes());
    await sleep(OPTIMIZER_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
    if (this.#parts.stopping.aborted) throw this.#isStopping();
  }

  /** A scorer that is ready, now or within the time. */
  async #readyScorer(
    demand: Demand,
    signal: AbortSignal,
    { untilMs, failures, lastFailure }: Attempts,
  ): Promise<ChosenScorer> {
    const { scorers, held, stopping } = this.#parts;
    if (lastFailure !== undefined && performance.now() >= untilMs) throw this.#waitedInVain(lastFailure);
    if (failures <= IMMEDIATE_RETRIES) {
      const ready = scorers.choose();
      if (ready !== undefined) return ready;
      await scorers.looked();
      const found = scorers.choose();
      if (found !== undefined) return found;
    }
    using _place = held.enter(demand.bytes());
    while (performance.now() < untilMs) {
      this.#wake(demand);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
      if (stopping.aborted) throw this.#isStopping();
      const scorer = scorers.choose();
      if (scorer !== undefined) return scorer;
    }
    throw this.#waitedInVain(lastFailure);
  }

  #wake({ needed }: Demand): void {
    for (const component of needed) void this.#parts.wakers[component].wake();
  }

  #isStopping(): AlphapoError {
    return new AlphapoError('unavailable', 'ACTIVATOR_STOPPING', 'this replica is stopping; retry with another one', {
      metadata: { retrySeconds: '1' },
    });
  }

  #waitedInVain(failure: AlphapoError | undefined): AlphapoError {
    const { wakers, waitMs } = this.#parts;
    // One pod for each reason of a workload: which of them are listed first says nothing.
    const told = [wakers.scorer, wakers.optimizer].flatMap(({ obstacles }) => [
      ...new Map(
        obstacles.map(({ name, reason, message }) => [reason, `pod ${name} is ${reason} (${message})`]),
      ).values(),
    ]);
    const why = told.length === 0 ? '' : `: ${told.join('; ')}`;
    const last = failure === undefined ? '' : `; the last scorer's error: ${failure.message}`;
    return new AlphapoError(
      'unavailable',
      'NO_SCORER_READY',
      `no scorer answered within ${waitMs / 1000} s${why}${last}; retry later`,
      { cause: failure, metadata: { retrySeconds: `${COME_AGAIN_SECONDS}` } },
    );
  }
}

/** How a call has fared so far. */
interface Attempts {
  /** When it has waited long enough, on the clock of `performance`. */
  readonly untilMs: number;
  failures: number;
  lastFailure: AlphapoError | undefined;
}

/** What a call takes. */
interface Demand {
  readonly needed: readonly Needed[];
  /** Memory of its request, while it waits. */
  readonly bytes: () => number;
}

/** A scorer fetches what it lacks of a policy from the optimizer. */
function neededFor({ policy }: ScoreRequest): readonly Needed[] {
  return policy === undefined || policy.$case === 'base' ? ['scorer'] : ['scorer', 'optimizer'];
}

/** Whether a scorer has left without an answer; one that stops and has no more time cancels its calls. */
function hasGone(error: unknown): error is AlphapoError {
  return error instanceof AlphapoError && (error.code === 'unavailable' || error.code === 'cancelled');
}
