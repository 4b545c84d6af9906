import { AlphapoError } from '@alphapo/base';
import type { Called } from './waker.ts';

/** When a client that was rejected, or timed out, should retry. */
export const COME_AGAIN_SECONDS = 10;

export interface HeldLimits {
  readonly calls: number;
  /** Of all their requests together. */
  readonly bytes: number;
}

/** The calls that wait for a pod: a bounded number, with requests of bounded size. */
export class HeldCalls {
  readonly #component: Called;
  readonly #limits: HeldLimits;
  #calls = 0;
  #bytes = 0;

  constructor(component: Called, limits: HeldLimits) {
    this.#component = component;
    this.#limits = limits;
  }

  /** How many wait now. */
  get calls(): number {
    return this.#calls;
  }

  /** A place for a call, until it is disposed of. Errors: SCORERS_STARTING, SAMPLERS_STARTING (resource-exhausted). */
  enter(bytes: number): Disposable {
    // One call is admitted regardless of its size: the server limits that.
    if (this.#calls >= this.#limits.calls || (this.#calls > 0 && this.#bytes + bytes > this.#limits.bytes)) {
      throw new AlphapoError(
        'resource-exhausted',
        this.#component === 'scorer' ? 'SCORERS_STARTING' : 'SAMPLERS_STARTING',
        `no ${this.#component} is ready and ${this.#calls} calls are waiting; retry later`,
        { metadata: { retrySeconds: `${COME_AGAIN_SECONDS}` } },
      );
    }
    this.#calls++;
    this.#bytes += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#calls--;
        this.#bytes -= bytes;
      },
    };
  }
}
