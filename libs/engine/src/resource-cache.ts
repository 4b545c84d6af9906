/** A resource in use: it is not disposed before this is. */
export interface Lease<T> extends Disposable {
  readonly value: T;
}

interface Entry<T> {
  readonly resource: Promise<T>;
  leases: number;
}

/**
 * Resources by key, made when they are first asked for. At most `limit` are kept, the least recently used one goes first;
 * one that is in use stays until it is not, so there may be more for a while.
 */
export class ResourceCache<T extends AsyncDisposable> implements AsyncDisposable {
  readonly #limit: number;
  /** In the order of use, the least recently used first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Concurrent requests wait for the same resource. A failure is not cached. */
  async acquire(key: string, make: () => Promise<T>): Promise<Lease<T>> {
    const entry = this.#entries.get(key) ?? { resource: this.#makeRoom().then(make), leases: 0 };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.leases++;
    try {
      const value = await entry.resource;
      return { value, [Symbol.dispose]: () => void entry.leases-- };
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { resource } of entries) await (await resource)[Symbol.asyncDispose]();
  }

  /** Disposes what is not in use, so that one more resource fits. */
  async #makeRoom(): Promise<void> {
    const idle = [...this.#entries].filter(([, { leases }]) => leases === 0);
    const surplus = idle.slice(0, Math.max(0, this.#entries.size + 1 - this.#limit));
    for (const [key] of surplus) this.#entries.delete(key);
    for (const [, { resource }] of surplus) await (await resource)[Symbol.asyncDispose]();
  }
}
