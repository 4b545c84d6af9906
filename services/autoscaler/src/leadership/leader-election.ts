import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, unlessAborted } from '@alphapo/base';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { LeaseRecord, LeaseStore, StoredLease } from './lease-store.ts';

/**
 * Leader election by a Lease. Clocks of two machines are never compared: a candidate takes the lease when it has seen no
 * renewal for the lease's duration by its own clock, and a leader gives up earlier than that when it can't renew.
 */

interface ElectionTiming {
  /** How long a lease that isn't renewed is respected. */
  readonly leaseMs: number;
  /** A leader that could not renew for this long is none any more; less than `leaseMs` by more than a request takes. */
  readonly renewDeadlineMs: number;
  /** Between attempts to take or renew the lease. */
  readonly retryMs: number;
}

/** As Kubernetes' own components have it. */
const DEFAULT_TIMING: ElectionTiming = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** The right to act, while it lasts. */
export interface Leadership {
  /** Aborts when it is lost, or to be given back. */
  readonly signal: AbortSignal;
  /** For the moment before something is changed. Errors: NOT_LEADING (aborted). */
  assertHeld(): void;
}

export interface ElectionOptions {
  readonly store: LeaseStore;
  /** Names this candidate; no two have the same. */
  readonly identity: string;
  readonly timing?: ElectionTiming;
  readonly logger: Logger<AutoscalerEvents>;
}

/**
 * Stands for election until the signal, and leads whenever elected. `lead` ends soon after its leadership's signal
 * aborted; the lease is given back then, so that another one need not wait.
 */
export async function standForElection(
  options: ElectionOptions,
  lead: (leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(options);
  while (!signal.aborted) {
    if (await candidate.attempt()) await term(candidate, options, lead, signal);
    await pause(candidate.timing.retryMs, signal);
  }
}

/** From the election to the loss of the lease, the end of `lead`, or the signal. */
async function term(
  candidate: Candidate,
  { identity, logger }: ElectionOptions,
  lead: (leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { timing } = candidate;
  const lost = new AbortController();
  const leadership = {
    signal: AbortSignal.any([signal, lost.signal]),
    assertHeld() {
      if (candidate.isLeading && !lost.signal.aborted) return;
      throw new AlphapoError('aborted', 'NOT_LEADING', `${identity} no longer holds the lease`);
    },
  };
  logger.info('leadership.acquired', { identity });
  const leading = lead(leadership).finally(() => lost.abort());
  leading.catch(() => {});
  while (!leadership.signal.aborted) {
    await pause(Math.min(timing.retryMs, candidate.leadingForMs), leadership.signal);
    if (leadership.signal.aborted) break;
    await candidate.attempt(
      AbortSignal.any([leadership.signal, AbortSignal.timeout(Math.floor(candidate.leadingForMs))]),
    );
    if (!candidate.isLeading) lost.abort();
  }
  const held = candidate.isLeading;
  await leading.finally(async () => {
    if (held) await candidate.giveBack();
    logger.info(held ? 'leadership.given-back' : 'leadership.lost', { identity });
  });
}

/** One who stands for election: what it has seen of the lease, and until when it may act. */
class Candidate {
  readonly timing: ElectionTiming;
  readonly #options: ElectionOptions;
  /** The lease as last seen, and when this version of it was first seen, on the clock of `performance`. */
  #seen: { readonly lease: StoredLease; readonly atMs: number } | undefined;
  #leadsUntilMs = 0;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.timing = options.timing ?? DEFAULT_TIMING;
  }

  get leadingForMs(): number {
    return Math.max(0, this.#leadsUntilMs - performance.now());
  }

  get isLeading(): boolean {
    return this.leadingForMs > 0;
  }

  /** Takes or renews the lease where that is right; returns whether it is held now. Waits for no longer than the signal. */
  async attempt(signal?: AbortSignal): Promise<boolean> {
    const { identity, logger } = this.#options;
    try {
      await unlessAborted(this.#takeOrRenew(identity), signal);
    } catch (error) {
      const conflict = error instanceof AlphapoError && error.reason === 'CONFLICT';
      if (!conflict && !signal?.aborted) logger.warn('leadership.not-confirmed', { identity, error });
    }
    return this.isLeading;
  }

  /** Lets another one lead at once. */
  async giveBack(): Promise<void> {
    const { store, identity, logger } = this.#options;
    this.#leadsUntilMs = 0;
    try {
      const lease = await store.read();
      if (lease?.holder !== identity) return;
      await store.write({ ...lease, holder: '', renewedAt: new Date() }, lease.version);
    } catch (error) {
      // It runs out by itself.
      logger.warn('leadership.not-given-back', { identity, error });
    }
  }

  async #takeOrRenew(identity: string): Promise<void> {
    const { store } = this.#options;
    // Counted from before the request: whoever sees the renewal sees it later than this.
    const startedMs = performance.now();
    const lease = await store.read();
    this.#notice(lease);
    if (lease !== undefined && lease.holder !== identity && this.#isRespected(lease)) {
      this.#leadsUntilMs = 0;
      return;
    }
    const written = await store.write(this.#renewed(lease, identity), lease?.version);
    this.#notice(written);
    this.#leadsUntilMs = startedMs + this.timing.renewDeadlineMs;
  }

  #renewed(lease: StoredLease | undefined, identity: string): LeaseRecord {
    const now = new Date();
    const kept = lease?.holder === identity;
    return {
      holder: identity,
      durationMs: this.timing.leaseMs,
      acquiredAt: kept ? lease.acquiredAt : now,
      renewedAt: now,
      transitions: (lease?.transitions ?? 0) + (kept || lease === undefined ? 0 : 1),
    };
  }

  #notice(lease: StoredLease | undefined): void {
    if (lease !== undefined && lease.version !== this.#seen?.lease.version) {
      this.#seen = { lease, atMs: performance.now() };
    }
  }

  /** Somebody else's lease counts until it was not renewed for its duration, by the clock of this machine. */
  #isRespected({ holder, durationMs }: StoredLease): boolean {
    return holder !== '' && performance.now() - (this.#seen?.atMs ?? 0) < durationMs;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
