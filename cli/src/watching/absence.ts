import { AlphapoError } from '@alphapo/base';

/** What becomes of a call when its connection or its server goes; errors that a server sends have reasons of their own. */
const LOST: ReadonlySet<string> = new Set([
  'RPC_UNAVAILABLE',
  'RPC_CANCELLED',
  'RPC_INTERNAL',
  'RPC_DEADLINE_EXCEEDED',
  'CANCELLED',
]);

/** The time since a server was last there: says when it goes and comes back, and when it has been away for too long. */
export class Absence {
  readonly #address: string;
  readonly #limitMs: number;
  readonly #say: (line: string) => void;
  /** On the clock of `performance`; undefined while the server is there. */
  #sinceMs: number | undefined;

  constructor(address: string, limitMs: number, say: (line: string) => void) {
    this.#address = address;
    this.#limitMs = limitMs;
    this.#say = say;
  }

  /** A call failed. Throws its error where that is no lost connection, or the server has been away for longer than the limit. */
  failed(error: unknown): void {
    if (!(error instanceof AlphapoError) || !LOST.has(error.reason)) throw error;
    const now = performance.now();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = now;
      this.#say(
        `lost the optimizer at ${this.#address}; waiting up to ${Math.round(this.#limitMs / 1000)} s for it to come back`,
      );
    }
    if (now - this.#sinceMs < this.#limitMs) return;
    const seconds = Math.round((now - this.#sinceMs) / 1000);
    throw new AlphapoError(
      'unavailable',
      'OPTIMIZER_GONE',
      `the optimizer did not come back within ${seconds} s: ${error.message}`,
      {
        cause: error,
      },
    );
  }

  /** A call was answered. */
  end(): void {
    if (this.#sinceMs !== undefined) this.#say(`the optimizer at ${this.#address} is back`);
    this.#sinceMs = undefined;
  }
}
