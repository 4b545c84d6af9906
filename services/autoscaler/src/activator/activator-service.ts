import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import {
  type DescribeScorerRequest,
  type DescribeScorerResponse,
  OPTIMIZER_UNAVAILABLE,
  type ScoreRequest,
  type ScoreResponse,
  type ScorerServiceClient,
} from '@alphapo/contracts';
import { type CallContext, type CallSettings, type Connection, callUnary } from '@alphapo/rpc';
import { meter, SECONDS_BUCKETS } from '@alphapo/telemetry';
import type { ChosenScorer, ReadyScorers } from './ready-scorers.ts';
import type { Needed, Waker } from './waker.ts';

const LOOK_MS = 100;
/** Between two calls of a scorer that could not reach the optimizer. */
const OPTIMIZER_MS = 500;
/** When a client that waited in vain should come again. */
const COME_AGAIN_SECONDS = 10;
/** gRPC has no deadline where the client gave none; a call to a scorer has one. */
const LONGEST_CALL_MS = 24 * 60 * 60_000;

const waited = meter.histogram({
  name: 'alphapo_activator_wait_seconds',
  help: 'Time from the arrival of a call to its being handed to a ready scorer.',
  buckets: SECONDS_BUCKETS,
});

export interface ActivatorParts {
  readonly scorers: ReadyScorers;
  readonly wakers: Readonly<Record<Needed, Waker>>;
  /** Calls that may wait for a scorer; each holds its request in memory. */
  readonly maxHeld: number;
  /** How long a call waits for a scorer, in milliseconds. */
  readonly waitMs: number;
  /** Where gradients are to be asked for. */
  readonly scorerPods: string;
  /** Calls are made with this replica's own token, because it has checked the caller's. */
  readonly trustsCallers: boolean;
}

/**
 * The scorer's methods for other systems, whether there is a scorer or not: calls go to a ready one, and where there is
 * none, one is woken and they wait for it.
 */
export class ActivatorService {
  readonly #parts: ActivatorParts;
  #held = 0;

  constructor(parts: ActivatorParts) {
    this.#parts = parts;
    meter.observed({ name: 'alphapo_activator_held_calls', help: 'Calls that wait for a scorer.' }, () => this.#held);
  }

  describeScorer(request: DescribeScorerRequest, context: CallContext): Promise<DescribeScorerResponse> {
    return this.#forward(['scorer'], context, (scorer, settings) =>
      callUnary(scorer, 'describeScorer', request, settings),
    );
  }

  score(request: ScoreRequest, context: CallContext): Promise<ScoreResponse> {
    return this.#forward(neededFor(request), context, (scorer, settings) =>
      callUnary(scorer, 'score', request, settings),
    );
  }

  /** Gradients are the optimizer's, which spreads them over all scorers by itself. */
  // biome-ignore lint/correctness/useYield: it has nothing to yield
  async *gradient(): AsyncGenerator<never> {
    throw new AlphapoError(
      'unimplemented',
      'GRADIENT_NOT_FORWARDED',
      `gradients are not passed on here: ask the scorers themselves, at ${this.#parts.scorerPods}`,
    );
  }

  /** Has a ready scorer answer; where it turns out not to be there, another one, as long as the call may wait. */
  async #forward<T>(
    needed: readonly Needed[],
    context: CallContext,
    ask: (scorer: Connection<ScorerServiceClient>, settings: CallSettings) => Promise<T>,
  ): Promise<T> {
    const { wakers, waitMs, trustsCallers } = this.#parts;
    using uses = new DisposableStack();
    for (const component of needed) uses.use(wakers[component].use());
    const arrivedMs = performance.now();
    const untilMs = arrivedMs + waitMs;
    const { signal, deadline } = context;
    const authorization = trustsCallers ? undefined : (context.authorization ?? 'none');
    let failure: AlphapoError | undefined;
    for (;;) {
      using scorer = await this.#readyScorer(needed, signal, { untilMs, failure });
      if (failure === undefined) waited.observe((performance.now() - arrivedMs) / 1000);
      try {
        const timeoutMs = Math.min(deadline - Date.now(), LONGEST_CALL_MS);
        return await ask(scorer.connection, { timeoutMs, signal, authorization });
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        // There was no answer, and a score changes nothing: it may be asked for again.
        failure = error;
        this.#wake(needed);
        if (error.reason === OPTIMIZER_UNAVAILABLE) await this.#awaitOptimizer(signal);
        else scorer.failed();
      }
    }
  }

  /** The scorer is well: it is asked again once the optimizer had some time to come. */
  async #awaitOptimizer(signal: AbortSignal): Promise<void> {
    using _place = this.#hold();
    await sleep(OPTIMIZER_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }

  /** A scorer that is ready, now or within the time. */
  async #readyScorer(
    needed: readonly Needed[],
    signal: AbortSignal,
    { untilMs, failure }: { readonly untilMs: number; readonly failure: AlphapoError | undefined },
  ): Promise<ChosenScorer> {
    const { scorers } = this.#parts;
    if (failure !== undefined && performance.now() >= untilMs) throw this.#waitedInVain(failure);
    const ready = scorers.choose();
    if (ready !== undefined) return ready;
    await scorers.looked();
    const found = scorers.choose();
    if (found !== undefined) return found;
    using _place = this.#hold();
    while (performance.now() < untilMs) {
      this.#wake(needed);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
      const scorer = scorers.choose();
      if (scorer !== undefined) return scorer;
    }
    throw this.#waitedInVain(failure);
  }

  #wake(needed: readonly Needed[]): void {
    for (const component of needed) void this.#parts.wakers[component].wake();
  }

  /** A place among the calls that wait. Errors: SCORERS_STARTING (resource-exhausted). */
  #hold(): Disposable {
    const { maxHeld } = this.#parts;
    if (this.#held >= maxHeld) {
      throw new AlphapoError(
        'resource-exhausted',
        'SCORERS_STARTING',
        `no scorer can answer yet, and ${maxHeld} calls wait for one already; try again later`,
        { metadata: { retrySeconds: `${COME_AGAIN_SECONDS}` } },
      );
    }
    this.#held++;
    return { [Symbol.dispose]: () => void this.#held-- };
  }

  #waitedInVain(failure: AlphapoError | undefined): AlphapoError {
    const { wakers, waitMs } = this.#parts;
    const [obstacle] = [...wakers.scorer.obstacles, ...wakers.optimizer.obstacles];
    const why = obstacle === undefined ? '' : `: pod ${obstacle.name} is ${obstacle.reason} (${obstacle.message})`;
    const last = failure === undefined ? '' : `; the last one that was asked said: ${failure.message}`;
    return new AlphapoError(
      'unavailable',
      'NO_SCORER_READY',
      `no scorer answered within ${waitMs / 1000} s${why}${last}; try again later`,
      { cause: failure, metadata: { retrySeconds: `${COME_AGAIN_SECONDS}` } },
    );
  }
}

/** A scorer fetches what it lacks of a policy from the optimizer. */
function neededFor({ policy }: ScoreRequest): readonly Needed[] {
  return policy === undefined || policy.$case === 'base' ? ['scorer'] : ['scorer', 'optimizer'];
}

function isUnavailable(error: unknown): error is AlphapoError {
  return error instanceof AlphapoError && error.code === 'unavailable';
}
