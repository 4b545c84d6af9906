/** Waits between attempts: each failure doubles the wait, up to the longest; a success starts again. */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  #failures = 0;

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
  }

  /** The wait after one more failure, in milliseconds. */
  failed(): number {
    return Math.min(this.#longestMs, this.#firstMs * 2 ** this.#failures++);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
