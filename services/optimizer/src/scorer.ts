import { AlphapoError, Backoff, messageOf } from '@alphapo/base';
import { type DescribeScorerResponse, ScorerServiceDefinition } from '@alphapo/contracts';
import { type Client, connect, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { OptimizerEvents } from './events.ts';
import type { ShardPlace } from './shards.ts';

/** Longest time for a scorer to be connected to and to say what it is: it does so beside its computation. */
const DESCRIBE_TIMEOUT_MS = 5_000;
/** A scorer that failed is asked again after this, doubled with each failure in a row. */
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** Wrong answers in a row that put a scorer aside. */
const MAX_WRONG_ANSWERS = 2;
/** A scorer that was put aside is asked again after this, doubled each time that it is put aside. */
const FIRST_QUARANTINE_MS = 10_000;
const MAX_QUARANTINE_MS = 10 * 60_000;

export type ScorerPhase = 'connecting' | 'ready' | 'computing' | 'backing-off' | 'quarantined';

export interface ScorerStatus {
  readonly address: string;
  readonly phase: ScorerPhase;
  /** Why it gets no shards; empty where it does. */
  readonly message: string;
}

/**
 * One scorer, and what the optimizer thinks of it. Before its first shard, and again after everything that went wrong, it has
 * to say what it is: one that is frozen or cut off does not answer, and gets no shard.
 */
export class Scorer implements Disposable {
  readonly address: string;
  readonly connection: Client<ScorerServiceDefinition>;
  readonly #logger: Logger<OptimizerEvents>;
  #phase: ScorerPhase = 'connecting';
  #message = '';
  #asking = false;
  #description: DescribeScorerResponse | undefined;
  /** On the clock of `performance`. */
  #retryAt = 0;
  readonly #backoff = new Backoff(FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
  #wrongAnswers = 0;
  readonly #quarantine = new Backoff(FIRST_QUARANTINE_MS, MAX_QUARANTINE_MS);

  constructor(address: string, logger: Logger<OptimizerEvents>, security: RpcSecurity | undefined) {
    this.address = address;
    this.connection = connect(ScorerServiceDefinition, address, security);
    this.#logger = logger;
  }

  get status(): ScorerStatus {
    const message = this.#phase === 'connecting' ? 'it has not described itself yet' : this.#message;
    return { address: this.address, phase: this.#phase, message };
  }

  get phase(): ScorerPhase {
    return this.#phase;
  }

  /** What it said when it was asked last; undefined where it did not answer. */
  get description(): DescribeScorerResponse | undefined {
    return this.#description;
  }

  /** Whether it takes part: it computes or could. */
  get isLive(): boolean {
    return this.#phase === 'ready' || this.#phase === 'computing';
  }

  /** Whether it is to be asked what it is. */
  get isDue(): boolean {
    return !this.isLive && !this.#asking && performance.now() >= this.#retryAt;
  }

  /** Asks the scorer what it is. `check` throws where the run cannot use it. */
  async ask(check: (description: DescribeScorerResponse) => void, signal: AbortSignal): Promise<void> {
    this.#asking = true;
    try {
      const description = await this.describe(signal);
      this.#description = description;
      check(description);
      this.#become('ready');
    } catch (error) {
      if (signal.aborted) return;
      if (isMismatch(error)) {
        this.quarantine(error);
      } else {
        this.#description = undefined;
        this.failed(error);
      }
    } finally {
      this.#asking = false;
    }
  }

  /** What the scorer says it is. Errors: those of the call, after five seconds at the latest. */
  describe(signal: AbortSignal): Promise<DescribeScorerResponse> {
    return this.connection.describeScorer({}, { timeoutMs: DESCRIBE_TIMEOUT_MS, signal });
  }

  begin(): void {
    this.#become('computing');
  }

  succeeded(): void {
    if (this.#phase !== 'computing') return;
    this.#backoff.succeeded();
    this.#wrongAnswers = 0;
    this.#quarantine.succeeded();
    this.#become('ready');
  }

  /** It answered; whether rightly is to be seen by another one's answer. */
  answered(): void {
    if (this.#phase === 'computing') this.#become('ready');
  }

  /** Its answer was not waited for: whether it still answers at all is to be seen. */
  abandoned(): void {
    if (this.#phase === 'computing') this.#become('connecting');
  }

  /** Another one was faster: the shard is not lost, and slowness is no failure. A frozen one will not say what it is. */
  outpaced(place: ShardPlace): void {
    this.abandoned();
    this.#logger.info('scorer.outpaced', { scorer: this.address, ...place });
  }

  failed(error: unknown, place: ShardPlace | undefined = undefined): void {
    const backoffMs = this.#backoff.failed();
    this.#setAside('backing-off', error, backoffMs);
    this.#logger.warn('scorer.failed', { scorer: this.address, ...place, retryMs: backoffMs, error });
  }

  /** It answered what was not asked. Once may be a damaged connection; again and again it is the scorer. */
  answeredWrongly(error: unknown, place: ShardPlace | undefined = undefined): void {
    if (++this.#wrongAnswers < MAX_WRONG_ANSWERS) this.failed(error, place);
    else this.quarantine(error, place);
  }

  /** Gives it no shards for a time, after which it is asked again. One more wrong answer puts it aside for longer. */
  quarantine(error: unknown, place: ShardPlace | undefined = undefined): void {
    const quarantineMs = this.#quarantine.failed();
    this.#wrongAnswers = MAX_WRONG_ANSWERS - 1;
    this.#setAside('quarantined', error, quarantineMs);
    this.#logger.error('scorer.quarantined', { scorer: this.address, ...place, retryMs: quarantineMs, error });
  }

  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]();
  }

  #setAside(phase: 'backing-off' | 'quarantined', error: unknown, forMs: number): void {
    this.#phase = phase;
    this.#message = messageOf(error);
    this.#retryAt = performance.now() + forMs;
  }

  #become(phase: 'connecting' | 'ready' | 'computing'): void {
    this.#phase = phase;
    this.#message = '';
    this.#retryAt = 0;
  }
}

/** The scorer is another one than the run needs: no other request would do better. */
export function isMismatch(error: unknown): boolean {
  return error instanceof AlphapoError && error.code === 'failed-precondition';
}

/** The scorer is missing, slow or full: nothing is wrong with what it was asked. */
export function isExplained(error: unknown): boolean {
  const explained = ['unavailable', 'cancelled', 'deadline-exceeded', 'resource-exhausted', 'aborted'];
  return error instanceof AlphapoError && explained.includes(error.code);
}
