import { AlphapoError } from '@alphapo/base';
import { meter } from '@alphapo/telemetry';

/** When a client that was rejected, or timed out, should retry. */
export const COME_AGAIN_SECONDS = 10;

export interface HeldLimits {
  readonly calls: number;
  /** Of all their requests together. */
  readonly bytes: number;
}

/** The calls that wait for a scorer: a bounded number, with requests of bounded size. */
export class HeldCalls {
  readonly #limits: HeldLimits;
  #calls = 0;
  #bytes = 0;

  constructor(limits: HeldLimits) {
    this.#limits = limits;
    meter.observed({ name: 'alphapo_activator_held_calls', help: 'Calls that wait for a scorer.' }, () => this.#calls);
  }

  /** A place for a call, until it is disposed of. Errors: SCORERS_STARTING (resource-exhausted). */
  enter(bytes: number): Disposable {
    // One call is admitted regardless of its size: the server limits that.
    if (this.#calls >= this.#limits.calls || (this.#calls > 0 && this.#bytes + bytes > this.#limits.bytes)) {
      throw new AlphapoError(
        'resource-exhausted',
        'SCORERS_STARTING',
        `no scorer is ready and ${this.#calls} calls are waiting; retry later`,
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
