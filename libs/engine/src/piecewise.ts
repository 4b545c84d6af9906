import type { YieldPoint } from './yield-point.ts';

/** A computation that stops at each of its checkpoints until it is given the next turn. */
export class Piecewise {
  readonly #compute: (yieldPoint: YieldPoint) => Promise<void>;
  #hasBegun = false;
  #resume: () => void = () => {};
  #endTurn: (state: 'paused' | 'ended') => void = () => {};

  /** @param compute reports its result and its errors by itself: it does not reject. */
  constructor(compute: (yieldPoint: YieldPoint) => Promise<void>) {
    this.#compute = compute;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Computes up to the next yield point, or to the end. */
  turn(): Promise<'paused' | 'ended'> {
    return new Promise((resolve) => {
      this.#endTurn = resolve;
      if (this.#hasBegun) this.#resume();
      else this.#begin();
    });
  }

  #begin(): void {
    this.#hasBegun = true;
    const pause = () =>
      new Promise<void>((resume) => {
        this.#resume = resume;
        this.#endTurn('paused');
      });
    this.#compute(pause).then(() => this.#endTurn('ended'));
  }
}
