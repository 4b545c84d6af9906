import { ScorerServiceDefinition } from '@alphapo/contracts';
import { type Client, connect, HealthClient, type RpcSecurity } from '@alphapo/rpc';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';

/** Scorers are looked up, and asked how they are, no more often than this. */
const LOOK_EVERY_MS = 500;
const HEALTH_MS = 2_000;

interface Scorer {
  readonly connection: Client<ScorerServiceDefinition>;
  readonly health: HealthClient;
  /** It said that it serves, when it was asked last. */
  serving: boolean;
  calls: number;
  /** It is not among the addresses any more; it goes when its last call has ended. */
  gone: boolean;
}

/** A scorer for one call. */
export interface ChosenScorer extends Disposable {
  readonly connection: Client<ScorerServiceDefinition>;
  /** It failed: it is asked how it is, and gets further calls if it says that it serves. */
  failed(): Promise<void>;
}

/** The scorers that are ready. They are only looked for while somebody needs one. */
export class ReadyScorers implements Disposable {
  readonly #discover: () => Promise<readonly string[]>;
  readonly #security: RpcSecurity | undefined;
  readonly #logger: Logger<AutoscalerEvents>;
  readonly #scorers = new Map<string, Scorer>();
  #looking: Promise<void> | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    discover: () => Promise<readonly string[]>,
    security: RpcSecurity | undefined,
    logger: Logger<AutoscalerEvents>,
  ) {
    this.#discover = discover;
    this.#security = security;
    this.#logger = logger;
  }

  /** The serving scorer with the fewest calls; undefined if there is none. */
  choose(): ChosenScorer | undefined {
    this.#look();
    const serving = [...this.#scorers].filter(([, scorer]) => scorer.serving && !scorer.gone);
    const [first, ...others] = serving;
    if (first === undefined) return undefined;
    const [address, scorer] = others.reduce((least, next) => (next[1].calls < least[1].calls ? next : least), first);
    // The next call with as many to choose from goes to another one.
    this.#scorers.delete(address);
    this.#scorers.set(address, scorer);
    scorer.calls++;
    return {
      connection: scorer.connection,
      failed: () => this.#ask(scorer),
      [Symbol.dispose]: () => {
        scorer.calls--;
        if (scorer.gone && scorer.calls === 0) this.#close(scorer);
      },
    };
  }

  /** Resolves when the scorers have been looked up lately: after a pause there may be some that are not known yet. */
  async looked(): Promise<void> {
    this.#look();
    await this.#looking;
  }

  [Symbol.dispose](): void {
    for (const scorer of this.#scorers.values()) this.#close(scorer);
    this.#scorers.clear();
  }

  #look(): void {
    if (this.#looking !== undefined || performance.now() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#looking = this.#lookNow().finally(() => {
      this.#lookedAtMs = performance.now();
      this.#looking = undefined;
    });
  }

  /** Where they cannot be looked up, those that are known are kept. */
  async #lookNow(): Promise<void> {
    try {
      this.#keep(new Set(await this.#discover()));
    } catch (error) {
      this.#logger.warn('scorer-discovery.failed', { error });
    }
    await Promise.all([...this.#scorers.values()].map((scorer) => this.#ask(scorer)));
  }

  #keep(addresses: ReadonlySet<string>): void {
    for (const [address, scorer] of this.#scorers) {
      if (addresses.has(address)) continue;
      scorer.gone = true;
      this.#scorers.delete(address);
      if (scorer.calls === 0) this.#close(scorer);
    }
    for (const address of addresses) {
      if (this.#scorers.has(address)) continue;
      const connection = connect(ScorerServiceDefinition, address, this.#security);
      const health = new HealthClient(address, this.#security);
      this.#scorers.set(address, { connection, health, serving: false, calls: 0, gone: false });
    }
  }

  async #ask(scorer: Scorer): Promise<void> {
    const answer = await scorer.health.check('', { timeoutMs: HEALTH_MS }).catch(() => 'UNREACHABLE');
    scorer.serving = answer === 'SERVING';
  }

  #close({ connection, health }: Scorer): void {
    connection[Symbol.dispose]();
    health[Symbol.dispose]();
  }
}
