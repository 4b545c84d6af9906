import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import { OPTIMIZER_UNAVAILABLE } from '@alphapo/contracts';
import type { CallContext, CallSettings } from '@alphapo/rpc';
import { meter, SECONDS_BUCKETS } from '@alphapo/telemetry';
import { COME_AGAIN_SECONDS, type HeldCalls } from './held-calls.ts';
import type { ChosenPod, ReadyPods } from './ready-pods.ts';
import type { Called, Needed, Waker } from './waker.ts';

const LOOK_MS = 100;
/** A pod that has just gone is the first failure; what fails again is something else, and gets time. */
const IMMEDIATE_RETRIES = 1;
/** Between two calls of a pod that could not reach the optimizer. */
const OPTIMIZER_MS = 500;
/** gRPC has no deadline where the client gave none; a call to a pod has one. */
const LONGEST_CALL_MS = 24 * 60 * 60_000;

const waited = meter.histogram({
  name: 'alphapo_activator_wait_seconds',
  help: 'Time from the arrival of a call until it is forwarded to a ready scorer or sampler.',
  labels: ['component'],
  buckets: SECONDS_BUCKETS,
});

export interface ForwardingParts<Connection extends Disposable> {
  readonly component: Called;
  readonly pods: ReadyPods<Connection>;
  readonly wakers: Readonly<Record<Needed, Waker>>;
  /** Calls that wait for a pod. */
  readonly held: HeldCalls;
  /** How long a call waits for a pod, in milliseconds. */
  readonly waitMs: number;
  /** Aborts when this replica is to end: waiting calls should retry with another one. */
  readonly stopping: AbortSignal;
}

/** What a call takes. */
export interface Demand {
  /** A pod fetches what it lacks of a policy from the optimizer. */
  readonly optimizer: boolean;
  /** It can be sent again. */
  readonly repeatable: boolean;
  /** Memory of its request, while it waits. */
  readonly bytes: () => number;
}

/** How a call has fared so far. */
interface Attempts {
  /** When it has waited long enough, on the clock of `performance`. */
  readonly untilMs: number;
  failures: number;
  lastFailure: AlphapoError | undefined;
}

/** Forwards calls to the ready pods of a component; if there is none, one is started and calls wait for it. */
export class Forwarding<Connection extends Disposable> {
  readonly #parts: ForwardingParts<Connection>;

  constructor(parts: ForwardingParts<Connection>) {
    this.#parts = parts;
  }

  /** The one answer of a ready pod; retries as `stream` does. */
  async once<T>(demand: Demand, signal: AbortSignal, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const answers = this.stream(demand, signal, async function* (connection) {
      yield await ask(connection);
    });
    const { value } = await answers.next();
    await answers.return();
    return value as T;
  }

  /**
   * The answers of a ready pod. Asks another one if that one is gone before its first answer, as long as the call may wait; later
   * errors are the caller's. Errors: those of the pod; SCORERS_STARTING, NO_SCORER_READY, ACTIVATOR_STOPPING.
   */
  async *stream<T>(
    demand: Demand,
    signal: AbortSignal,
    ask: (connection: Connection) => AsyncIterable<T>,
  ): AsyncGenerator<T, void> {
    const { component, wakers, waitMs } = this.#parts;
    using uses = new DisposableStack();
    for (const needed of this.#needed(demand)) uses.use(wakers[needed].use());
    const arrivedMs = performance.now();
    const attempts: Attempts = { untilMs: arrivedMs + waitMs, failures: 0, lastFailure: undefined };
    for (;;) {
      using pod = await this.#readyPod(demand, signal, attempts);
      if (attempts.lastFailure === undefined) waited.observe((performance.now() - arrivedMs) / 1000, { component });
      let begun = false;
      try {
        for await (const answer of ask(pod.connection)) {
          begun = true;
          yield answer;
        }
        return;
      } catch (error) {
        if (begun || signal.aborted || !demand.repeatable || !hasGone(error)) throw error;
        // There was no answer, and nothing was changed: it may be asked for again.
        attempts.lastFailure = error;
        this.#wake(demand);
        if (error.reason === OPTIMIZER_UNAVAILABLE) {
          await this.#awaitOptimizer(demand, signal);
        } else {
          attempts.failures++;
          await pod.failed();
        }
      }
    }
  }

  /** The pod is well: it is asked again once the optimizer had some time to come. */
  async #awaitOptimizer(demand: Demand, signal: AbortSignal): Promise<void> {
    using _place = this.#parts.held.enter(demand.bytes());
    await sleep(OPTIMIZER_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
    if (this.#parts.stopping.aborted) throw this.#isStopping();
  }

  /** A pod that is ready, now or within the time. */
  async #readyPod(
    demand: Demand,
    signal: AbortSignal,
    { untilMs, failures, lastFailure }: Attempts,
  ): Promise<ChosenPod<Connection>> {
    const { pods, held, stopping } = this.#parts;
    if (lastFailure !== undefined && performance.now() >= untilMs) throw this.#waitedInVain(lastFailure);
    if (failures <= IMMEDIATE_RETRIES) {
      const ready = pods.choose();
      if (ready !== undefined) return ready;
      await pods.looked();
      const found = pods.choose();
      if (found !== undefined) return found;
    }
    using _place = held.enter(demand.bytes());
    while (performance.now() < untilMs) {
      this.#wake(demand);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
      if (stopping.aborted) throw this.#isStopping();
      const pod = pods.choose();
      if (pod !== undefined) return pod;
    }
    throw this.#waitedInVain(lastFailure);
  }

  #needed({ optimizer }: Demand): readonly Needed[] {
    const { component } = this.#parts;
    return optimizer ? [component, 'optimizer'] : [component];
  }

  #wake(demand: Demand): void {
    for (const needed of this.#needed(demand)) void this.#parts.wakers[needed].wake();
  }

  #isStopping(): AlphapoError {
    return new AlphapoError('unavailable', 'ACTIVATOR_STOPPING', 'this replica is stopping; retry with another one', {
      metadata: { retrySeconds: '1' },
    });
  }

  #waitedInVain(failure: AlphapoError | undefined): AlphapoError {
    const { component, wakers, waitMs } = this.#parts;
    // One pod for each reason of a workload: which of them are listed first says nothing.
    const told = [wakers[component], wakers.optimizer].flatMap(({ obstacles }) => [
      ...new Map(
        obstacles.map(({ name, reason, message }) => [reason, `pod ${name} is ${reason} (${message})`]),
      ).values(),
    ]);
    const why = told.length === 0 ? '' : `: ${told.join('; ')}`;
    const last = failure === undefined ? '' : `; the last ${component}'s error: ${failure.message}`;
    return new AlphapoError(
      'unavailable',
      component === 'scorer' ? 'NO_SCORER_READY' : 'NO_SAMPLER_READY',
      `no ${component} answered within ${waitMs / 1000} s${why}${last}; retry later`,
      { cause: failure, metadata: { retrySeconds: `${COME_AGAIN_SECONDS}` } },
    );
  }
}

/** Whether a pod has left without an answer; one that stops and has no more time cancels its calls. */
function hasGone(error: unknown): error is AlphapoError {
  return error instanceof AlphapoError && (error.code === 'unavailable' || error.code === 'cancelled');
}

/** How calls are passed on over gRPC. */
export interface Passing {
  /** Calls are made with this replica's own token, because it has checked the caller's. */
  readonly trustsCallers: boolean;
}

/** Deadline, signal and token of a call that is passed on now. */
export function passedOn({ signal, deadline, authorization }: CallContext, { trustsCallers }: Passing): CallSettings {
  const timeoutMs = Math.min(deadline - Date.now(), LONGEST_CALL_MS);
  return { timeoutMs, signal, authorization: trustsCallers ? undefined : (authorization ?? 'none') };
}
