import { AlphapoError, type FloatTensors } from '@alphapo/base';
import type { TrainingMethod } from '@alphapo/contracts';

/** Policies kept at a time: the one being trained, the one before it, and some that are being scored. */
const POLICIES_KEPT = 4;
/** Bytes that they may take together; the newest is kept in any case, so with all weights trained often no other. */
const POLICY_BYTES_KEPT = 2 ** 28;

export interface Policy {
  readonly method: TrainingMethod;
  readonly tensors: FloatTensors;
}

/** Policies by digest. A few are kept, the last ones used, and those that calls need. */
export class PolicyStore {
  /** In the order of use, the least recently used first. */
  readonly #policies = new Map<string, Policy>();
  /** Calls that need a policy. */
  readonly #holds = new Map<string, number>();

  /** Keeps a policy; returns the digests of those that had to go. */
  add(digest: string, policy: Policy): string[] {
    this.#policies.delete(digest);
    this.#policies.set(digest, policy);
    const gone = this.#superfluous();
    for (const old of gone) this.#policies.delete(old);
    return gone;
  }

  /** Errors: POLICY_NOT_LOADED. */
  get(digest: string): Policy {
    const policy = this.#policies.get(digest);
    if (policy === undefined) {
      throw new AlphapoError(
        'failed-precondition',
        'POLICY_NOT_LOADED',
        `policy ${digest} is not loaded; load it again`,
      );
    }
    this.#policies.delete(digest);
    this.#policies.set(digest, policy);
    return policy;
  }

  /** Keeps a policy as long as a call needs it. Errors: POLICY_NOT_LOADED. */
  hold(digest: string): Disposable {
    this.get(digest);
    this.#holds.set(digest, (this.#holds.get(digest) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#holds.get(digest) ?? 0) - 1;
        if (left > 0) this.#holds.set(digest, left);
        else this.#holds.delete(digest);
      },
    };
  }

  #superfluous(): string[] {
    let bytes = 0;
    const newestFirst = [...this.#policies].toReversed();
    const superfluous = newestFirst.filter(([digest, { tensors }], i) => {
      for (const { data } of tensors.values()) bytes += data.byteLength;
      return i > 0 && (i >= POLICIES_KEPT || bytes > POLICY_BYTES_KEPT) && !this.#holds.has(digest);
    });
    return superfluous.map(([digest]) => digest);
  }
}
