import { AlphapoError } from '@alphapo/base';
import type { ComputeFingerprint, ReportedFingerprint, ScoreRequest, ScoreResponse } from '@alphapo/contracts';
import type { RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { OptimizerEvents } from './events.ts';
import type { Run } from './run.ts';
import { Scorer, type ScorerStatus } from './scorer.ts';
import { RequestFailures } from './scorer-failures.ts';
import { checkComputation, checkScorer, type ScorerNeeds } from './scorer-match.ts';
import { ShardPace } from './shard-pace.ts';
import { type Scorers, ShardSpread, type SpreadOptions } from './shard-spread.ts';
import type { ComputedShard, ShardWork } from './shards.ts';
import { Wake } from './wake.ts';

/** Between two looks for scorers. */
const DISCOVERY_MS = 500;

export interface ScorerPoolOptions {
  readonly run: Run;
  /** What the run's steps were computed with so far; undefined where none was. */
  readonly computation: ComputeFingerprint | undefined;
  /** The scorers that exist now, as host and port. Asked again and again. */
  readonly discover: () => Promise<readonly string[]>;
  readonly security: RpcSecurity | undefined;
  /** Longest time for one shard. */
  readonly shardTimeoutMs: number;
  readonly logger: Logger<OptimizerEvents>;
}

/** The scorers of a run: found, asked what they are, and given shards. */
export class ScorerPool implements Scorers, AsyncDisposable {
  readonly #options: ScorerPoolOptions;
  readonly #scorers = new Map<string, Scorer>();
  readonly #wake = new Wake();
  readonly #pace = new ShardPace();
  readonly #closing = new AbortController();
  #computation: ComputeFingerprint | undefined;
  #discovering = false;
  /** On the clock of `performance`. */
  #discoverAt = 0;
  #pending = 0;

  constructor(options: ScorerPoolOptions) {
    this.#options = options;
    this.#computation = options.computation;
  }

  /** Shards that are waiting for a scorer or running. */
  get pending(): number {
    return this.#pending;
  }

  /** What the run's steps are computed with; undefined before the first answer. */
  get computation(): ComputeFingerprint | undefined {
    return this.#computation;
  }

  get all(): Iterable<Scorer> {
    return this.#scorers.values();
  }

  get statuses(): ScorerStatus[] {
    return [...this.#scorers.values()].map(({ status }) => status);
  }

  /**
   * Has all shards computed: their gradients go to the work's sum, the rest comes back in the order of the shards. Waits for
   * scorers as long as there are none. Throws what no other scorer would do better: a request that all refuse, or a shard
   * that fails again and again on each.
   */
  async compute(
    work: ShardWork,
    options: Pick<SpreadOptions, 'signal' | 'onWaiting' | 'onPolicyGone'>,
  ): Promise<ComputedShard[]> {
    const { logger, shardTimeoutMs } = this.#options;
    this.#pending = work.shards.length;
    const onShard = () => {
      this.#pending--;
    };
    const shared = { wake: this.#wake, pace: this.#pace, shardTimeoutMs, logger, onShard };
    try {
      return await new ShardSpread(this, work, { ...options, ...shared }).run();
    } finally {
      this.#pending = 0;
    }
  }

  /**
   * Has a request answered by any scorer, and by another one where that fails. Waits for scorers as long as there are none. Errors:
   * STOPPED, and what no other scorer would do better.
   */
  async score(
    request: ScoreRequest,
    { signal, onWaiting, onPolicyGone }: Pick<SpreadOptions, 'signal' | 'onWaiting' | 'onPolicyGone'>,
  ): Promise<ScoreResponse> {
    const failures = new RequestFailures();
    // The autoscaler keeps scorers for what is pending.
    this.#pending = 1;
    try {
      while (!signal.aborted) {
        this.refresh();
        const scorer = [...this.#scorers.values()].find(({ phase }) => phase === 'ready');
        onWaiting(scorer === undefined);
        if (scorer === undefined) {
          await this.#wake.wait(DISCOVERY_MS, signal);
          continue;
        }
        scorer.begin();
        try {
          const { shardTimeoutMs: timeoutMs } = this.#options;
          const response = await scorer.connection.score(request, { timeoutMs, signal });
          scorer.succeeded();
          return response;
        } catch (error) {
          if (signal.aborted) {
            scorer.abandoned();
            break;
          }
          const follows = failures.add(scorer, error, { all: this.all });
          if (follows === 'give-up') throw error;
          if (follows === 'policy-gone') await onPolicyGone();
        }
      }
    } finally {
      this.#pending = 0;
    }
    throw new AlphapoError('cancelled', 'STOPPED', 'stopped while it waited for a scorer');
  }

  /** Asks one scorer whether it is what the run needs. Errors: SCORER_MISMATCH, and those of the call. */
  async check(address: string): Promise<void> {
    using scorer = new Scorer(address, this.#options.logger, this.#options.security);
    const description = await scorer.describe(this.#closing.signal);
    checkScorer(address, description, this.#needs());
  }

  refresh(): void {
    if (!this.#discovering && performance.now() >= this.#discoverAt) {
      this.#discovering = true;
      this.#discover().finally(() => {
        this.#discovering = false;
        this.#discoverAt = performance.now() + DISCOVERY_MS;
      });
    }
    for (const scorer of this.#scorers.values()) {
      if (!scorer.isDue) continue;
      scorer
        .ask((description) => checkScorer(scorer.address, description, this.#needs()), this.#closing.signal)
        .finally(() => this.#wake.ring());
    }
  }

  accept(scorer: Scorer, computation: ReportedFingerprint | undefined): boolean {
    try {
      this.#computation = checkComputation(scorer.address, computation, this.#needs());
      return true;
    } catch (error) {
      scorer.quarantine(error);
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const scorer of this.#scorers.values()) scorer[Symbol.dispose]();
    this.#scorers.clear();
  }

  #needs(): ScorerNeeds {
    return { run: this.#options.run, computation: this.#computation };
  }

  /** Scorers that are gone keep the shard that they compute: they may just not be found. */
  async #discover(): Promise<void> {
    const { discover, logger, security } = this.#options;
    let found: readonly string[];
    try {
      found = await discover();
    } catch (error) {
      return logger.warn('scorer-discovery.failed', { error });
    }
    if (this.#closing.signal.aborted) return;
    const addresses = new Set(found);
    for (const address of addresses) {
      if (this.#scorers.has(address)) continue;
      this.#scorers.set(address, new Scorer(address, logger, security));
      this.#wake.ring();
    }
    for (const [address, scorer] of this.#scorers) {
      if (addresses.has(address) || scorer.phase === 'computing') continue;
      scorer[Symbol.dispose]();
      this.#scorers.delete(address);
    }
  }
}
