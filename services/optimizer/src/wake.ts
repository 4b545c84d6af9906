/** Lets one loop sleep until something has happened, or a time is over. */
export class Wake {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  /** Resolves at once where it rang since the last wait. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const ring = () => this.ring();
    const timer = setTimeout(ring, timeoutMs);
    signal.addEventListener('abort', ring, { once: true });
    await this.#rung.promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', ring);
    this.#rung = Promise.withResolvers();
  }
}
