/** When each step of the run was taken for the first time, as the optimizers' logs tell. */
export class Progress {
  readonly #times: number[] = [];
  readonly #waiting = new Set<() => void>();

  /** The last step that was taken; 0 before the first. */
  get step(): number {
    return this.#times.length;
  }

  /** On the clock of `performance`, in milliseconds; the first one is step 1. */
  get times(): readonly number[] {
    return this.#times;
  }

  /** A step was taken, now, or once more after a crash. */
  take(step: number): void {
    // A crash between publishing and logging a step leaves its line to whoever computes it again.
    while (this.#times.length < step) this.#times.push(performance.now());
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves once a step was taken. Rejects with the signal's reason. */
  async reached(step: number, signal: AbortSignal): Promise<void> {
    while (this.step < step) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }
}
