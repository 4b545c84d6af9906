import type { Continuation, Finish, GeneratedToken } from './sequence.ts';

/** Collects the tokens of a request's sequences as they come. */
export class Continuations {
  readonly #sequences: readonly {
    readonly tokens: number[];
    readonly logProbs: number[];
    finish: Finish | undefined;
  }[];

  constructor(count: number) {
    this.#sequences = Array.from({ length: count }, () => ({ tokens: [], logProbs: [], finish: undefined }));
  }

  /** False for a token that was computed while the wish to stop its sequence was on its way. */
  take({ sequence, token, logProb, finish }: GeneratedToken): boolean {
    const own = this.#sequences[sequence];
    if (own === undefined || own.finish !== undefined) return false;
    own.tokens.push(token);
    own.logProbs.push(logProb);
    own.finish = finish;
    return true;
  }

  stop(sequence: number): void {
    const own = this.#sequences[sequence];
    if (own !== undefined) own.finish = 'stopped';
  }

  get all(): readonly Continuation[] {
    return this.#sequences.map(({ tokens, logProbs, finish = 'stopped' }) => ({ tokens, logProbs, finish }));
  }
}
