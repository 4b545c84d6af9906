import { AlphapoError } from '@alphapo/base';
import type { ReportedFingerprint } from '@alphapo/contracts';
import type { Logger } from '@alphapo/telemetry';
import type { OptimizerEvents } from './events.ts';
import type { Scorer } from './scorer.ts';
import { RequestFailures } from './scorer-failures.ts';
import { computeShard } from './shard-call.ts';
import type { ShardPace } from './shard-pace.ts';
import { type ComputedShard, type Shard, type ShardWork, tokensOf } from './shards.ts';
import type { Wake } from './wake.ts';

/** How often scorers are looked for, and shards looked at, while nothing else happens. */
const TICK_MS = 250;
/** Answers that are not finite, by which a shard is known to be so: one may be a scorer's own fault. */
const NON_FINITE_ANSWERS = 2;

/** The scorers that a batch is spread over. */
export interface Scorers {
  readonly all: Iterable<Scorer>;
  /** Looks for scorers and asks those that are due, without waiting for either. */
  refresh(): void;
  /** Whether a scorer's answer has the bits of the run's; the first answer decides what they are. */
  accept(scorer: Scorer, computation: ReportedFingerprint | undefined): boolean;
}

export interface SpreadOptions {
  readonly signal: AbortSignal;
  readonly wake: Wake;
  readonly pace: ShardPace;
  /** Longest time for one shard. */
  readonly shardTimeoutMs: number;
  readonly logger: Logger<OptimizerEvents>;
  readonly onWaiting: (waiting: boolean) => void;
  /** A scorer's optimizer no longer has this policy: perhaps another one has taken over. Throws where it has. */
  readonly onPolicyGone: () => Promise<void>;
  readonly onShard: () => void;
}

/** One scorer's work on a shard. */
interface Attempt {
  readonly scorer: Scorer;
  readonly started: number;
  readonly abort: AbortController;
}

/** A shard on its way to a result. */
class Task {
  readonly shard: Shard;
  readonly tokens: number;
  readonly attempts = new Set<Attempt>();
  readonly failures = new RequestFailures();
  /** Scorers whose answer was not finite. */
  readonly nonFiniteOn: Scorer[] = [];
  result: ComputedShard | undefined;

  constructor(shard: Shard) {
    this.shard = shard;
    this.tokens = tokensOf(shard.pairs);
  }
}

/**
 * Distributes a batch's shards to the available scorers. A lost shard is retried on another scorer; a shard that takes much
 * longer than others is also computed by an idle one. Only the first valid answer is added to the sum, so neither changes the
 * result.
 */
export class ShardSpread {
  readonly #scorers: Scorers;
  readonly #work: ShardWork;
  readonly #options: SpreadOptions;
  readonly #tasks: readonly Task[];
  readonly #running = new Set<Promise<void>>();
  /** Kept, not thrown by an attempt, which may have no listener at that moment. */
  #failure: { readonly error: unknown } | undefined;

  constructor(scorers: Scorers, work: ShardWork, options: SpreadOptions) {
    this.#scorers = scorers;
    this.#work = work;
    this.#options = options;
    this.#tasks = work.shards.map((shard) => new Task(shard));
  }

  /** The shards' facts in their order. Waits for scorers as long as there are none. Throws what no scorer would do better. */
  async run(): Promise<ComputedShard[]> {
    const { signal, wake, onWaiting } = this.#options;
    try {
      for (;;) {
        const results = this.#tasks.flatMap(({ result }) => result ?? []);
        if (results.length === this.#tasks.length) return results;
        if (this.#failure !== undefined) throw this.#failure.error;
        signal.throwIfAborted();
        this.#scorers.refresh();
        for (const scorer of this.#scorers.all) this.#assign(scorer);
        onWaiting(this.#running.size === 0);
        await wake.wait(TICK_MS, signal);
      }
    } finally {
      for (const { attempts } of this.#tasks) for (const { abort } of attempts) abort.abort();
      await Promise.allSettled(this.#running);
    }
  }

  #assign(scorer: Scorer): void {
    if (scorer.phase !== 'ready') return;
    const task = this.#tasks.find((one) => isWaiting(one) && this.#suits(one, scorer)) ?? this.#late(scorer);
    if (task === undefined) return;
    for (const { scorer: slow } of task.attempts) {
      const place = { step: this.#work.step, shard: task.shard.index };
      this.#options.logger.warn('shard.hedged', { ...place, slow: slow.address, scorer: scorer.address });
    }
    scorer.begin();
    const attempt = { scorer, started: performance.now(), abort: new AbortController() };
    task.attempts.add(attempt);
    const run = this.#attempt(task, attempt).finally(() => {
      task.attempts.delete(attempt);
      this.#running.delete(run);
      this.#options.wake.ring();
    });
    this.#running.add(run);
  }

  /** A scorer that failed at a shard, or whose answer is in doubt, gets it again only where no other one could. */
  #suits({ failures, nonFiniteOn }: Task, scorer: Scorer): boolean {
    const doubted = (one: Scorer) => failures.on.has(one) || nonFiniteOn.includes(one);
    return !doubted(scorer) || ![...this.#scorers.all].some((other) => other.isLive && !doubted(other));
  }

  /** The shard that one other scorer has been at for too long. */
  #late(scorer: Scorer): Task | undefined {
    const now = performance.now();
    return this.#tasks.find((task) => {
      const [attempt] = task.attempts;
      if (task.result !== undefined || task.attempts.size !== 1 || attempt === undefined) return false;
      const elapsedMs = now - attempt.started;
      return elapsedMs >= this.#options.pace.hedgeAfterMs(task.tokens) && this.#suits(task, scorer);
    });
  }

  async #attempt(task: Task, { scorer, started, abort }: Attempt): Promise<void> {
    const { memory } = this.#work;
    const { shardTimeoutMs: timeoutMs, pace } = this.#options;
    const gradient = memory.take();
    let added = false;
    try {
      const settings = { signal: AbortSignal.any([this.#options.signal, abort.signal]), timeoutMs };
      const { shard } = task;
      const result = await computeShard(scorer.connection, this.#work, { shard, gradient }, settings);
      if (task.result !== undefined) return scorer.succeeded();
      if (!this.#scorers.accept(scorer, result.computation)) return;
      pace.add(task.tokens, performance.now() - started);
      if (!this.#believes(task, result, scorer)) return;
      task.result = result;
      this.#work.sum.add(shard.index, gradient);
      added = true;
      for (const other of task.attempts) if (other.scorer !== scorer) other.abort.abort();
      this.#options.onShard();
    } catch (error) {
      if (this.#options.signal.aborted) scorer.abandoned();
      else if (!abort.signal.aborted) await this.#failed(task, scorer, error);
      else if (task.result === undefined) scorer.abandoned();
      else scorer.outpaced({ step: this.#work.step, shard: task.shard.index });
    } finally {
      if (!added) memory.giveBack(gradient);
    }
  }

  /** A shard is not finite where two answers say so; a scorer is wrong where another one's answer is finite. */
  #believes({ shard, nonFiniteOn }: Task, { nonFinite }: ComputedShard, scorer: Scorer): boolean {
    if (nonFinite === undefined) {
      scorer.succeeded();
      const place = { step: this.#work.step, shard: shard.index };
      for (const other of nonFiniteOn) {
        if (other !== scorer) other.answeredWrongly(notFinite(other, place, scorer), place);
      }
      return true;
    }
    scorer.answered();
    nonFiniteOn.push(scorer);
    return nonFiniteOn.length >= NON_FINITE_ANSWERS;
  }

  async #failed(task: Task, scorer: Scorer, error: unknown): Promise<void> {
    const place = { step: this.#work.step, shard: task.shard.index };
    const follows = task.failures.add(scorer, error, { all: this.#scorers.all, place });
    if (follows === 'give-up') this.#failure ??= { error };
    if (follows !== 'policy-gone') return;
    await this.#options.onPolicyGone().catch((taken: unknown) => {
      this.#failure ??= { error: taken };
    });
  }
}

const isWaiting = ({ result, attempts }: Task) => result === undefined && attempts.size === 0;

function notFinite(scorer: Scorer, { step, shard }: { step: number; shard: number }, other: Scorer): AlphapoError {
  return new AlphapoError(
    'data-loss',
    'WRONG_ANSWER',
    `${scorer.address} answered step ${step}, shard ${shard} with numbers that are not finite; ${other.address} with finite ones`,
  );
}
