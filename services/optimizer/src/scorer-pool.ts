import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import { objectiveToWire, ScorerServiceClient } from '@alphapo/contracts';
import { type Connection, connect, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import { computeShard } from './shard-call.ts';
import type { ComputedShard, Shard, ShardWork } from './shards.ts';

export interface ScorerPoolOptions {
  /** The scorers that exist now, as host and port. Asked again and again. */
  readonly discover: () => Promise<readonly string[]>;
  readonly security: RpcSecurity | undefined;
  /** Longest time for one shard. */
  readonly shardTimeoutMs: number;
  readonly logger: Logger;
}

const DISCOVERY_MS = 500;
/** A scorer that failed gets its next shard after this, doubled with each failure in a row. */
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** Failures of one shard that no missing scorer explains, after which the step is given up. */
const MAX_UNEXPLAINED_FAILURES = 5;

interface Scorer extends Connection<ScorerServiceClient> {
  busy: boolean;
  failures: number;
  readyAt: number;
}

/** Spreads the shards of a batch over whatever scorers there are. A lost shard goes to another one. */
export class ScorerPool implements AsyncDisposable {
  readonly #options: ScorerPoolOptions;
  readonly #scorers = new Map<string, Scorer>();
  #pending = 0;

  constructor(options: ScorerPoolOptions) {
    this.#options = options;
  }

  /** Shards that wait for a scorer or are being computed. */
  get pending(): number {
    return this.#pending;
  }

  /** Scorers that did not fail in their last call. */
  get size(): number {
    return [...this.#scorers.values()].filter(({ failures }) => failures === 0).length;
  }

  /**
   * Has all shards computed: their gradients go to the work's sum, the rest comes back in the order of the shards. Waits for scorers as long as there are none. Throws what no other
   * scorer would do better: a request that is refused, or a shard that fails again and again.
   */
  async compute(
    work: ShardWork,
    options: { readonly signal: AbortSignal; readonly onWaiting: (waiting: boolean) => void },
  ): Promise<ComputedShard[]> {
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    const queue = [...work.shards];
    const results = new Map<number, ComputedShard>();
    const failures = new Map<number, number>();
    const running = new Set<Promise<void>>();
    // Kept, not thrown from a run: nobody may be listening to that run just then.
    let failure: { readonly error: unknown } | undefined;
    this.#pending = work.shards.length;
    const start = (scorer: Scorer, shard: Shard) => {
      const run = this.#compute(scorer, work, shard, signal)
        .then((result) => {
          results.set(shard.index, result);
          this.#pending = work.shards.length - results.size;
        })
        .catch((error: unknown) => {
          const count = (failures.get(shard.index) ?? 0) + (isExplained(error) ? 0 : 1);
          failures.set(shard.index, count);
          if (isFinal(error) || count >= MAX_UNEXPLAINED_FAILURES) failure ??= { error };
          else queue.unshift(shard);
        })
        .finally(() => running.delete(run));
      running.add(run);
    };
    try {
      await this.#discover();
      while (results.size < work.shards.length) {
        if (failure !== undefined) throw failure.error;
        signal.throwIfAborted();
        for (const scorer of this.#ready()) {
          const shard = queue.shift();
          if (shard === undefined) break;
          start(scorer, shard);
        }
        options.onWaiting(running.size === 0);
        const tick = sleep(queue.length > 0 ? FIRST_BACKOFF_MS : DISCOVERY_MS, undefined, { signal, ref: false });
        await Promise.race([...running, tick.catch(() => {})]);
        if (queue.length > 0) await this.#discover();
      }
      return work.shards.map(({ index }) => results.get(index) as ComputedShard);
    } finally {
      abort.abort();
      await Promise.allSettled(running);
      this.#pending = 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const scorer of this.#scorers.values()) scorer[Symbol.dispose]();
    this.#scorers.clear();
  }

  #ready(): Scorer[] {
    const now = performance.now();
    return [...this.#scorers.values()].filter(({ busy, readyAt }) => !busy && readyAt <= now);
  }

  async #compute(scorer: Scorer, work: ShardWork, shard: Shard, signal: AbortSignal): Promise<ComputedShard> {
    scorer.busy = true;
    try {
      const objective = objectiveToWire(work.run.specification.objective);
      const timeoutMs = this.#options.shardTimeoutMs;
      const result = await computeShard(scorer, work, shard, objective, { signal, timeoutMs });
      scorer.failures = 0;
      return result;
    } catch (error) {
      if (!signal.aborted) this.#penalise(scorer, error, work.step, shard.index);
      throw error;
    } finally {
      scorer.busy = false;
    }
  }

  #penalise(scorer: Scorer, error: unknown, step: number, shard: number): void {
    const backoff = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** scorer.failures);
    scorer.failures++;
    scorer.readyAt = performance.now() + backoff;
    this.#options.logger.warn('shard.failed', { scorer: scorer.address, step, shard, retryMs: backoff, error });
  }

  async #discover(): Promise<void> {
    const addresses = new Set(await this.#options.discover());
    for (const address of addresses) {
      if (this.#scorers.has(address)) continue;
      const connection = connect(ScorerServiceClient, address, this.#options.security);
      this.#scorers.set(address, { ...connection, busy: false, failures: 0, readyAt: 0 });
    }
    for (const [address, scorer] of this.#scorers) {
      if (addresses.has(address) || scorer.busy) continue;
      scorer[Symbol.dispose]();
      this.#scorers.delete(address);
    }
  }
}

/** The scorer is missing, slow, full, or has another model: nothing is wrong with the shard. */
function isExplained(error: unknown): boolean {
  const explained = ['unavailable', 'cancelled', 'deadline-exceeded', 'resource-exhausted', 'failed-precondition'];
  return error instanceof AlphapoError && explained.includes(error.code);
}

/** The request itself is refused: every scorer would say the same. */
function isFinal(error: unknown): boolean {
  return error instanceof AlphapoError && error.code === 'invalid-argument';
}
