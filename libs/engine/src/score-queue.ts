import type { PolicyChoice } from './engine.ts';
import { type Row, rowTokens } from './pack.ts';

/** Rows to be scored under one policy. */
export interface ScoreCall {
  readonly rows: readonly Row[];
  readonly choice: PolicyChoice;
}

/** Rows of a call that one execution computes; a call's rows are taken in their order. */
export interface Share<Call extends ScoreCall> {
  readonly call: Call;
  readonly rows: readonly Row[];
}

/** Whether rows of different calls may be computed in one execution. */
export type Merging = 'on' | 'off';

/**
 * Calls that wait to be scored. An execution takes the rows of the call that has waited longest, and fills the pack with
 * those of other calls under the same policy. A call that is larger than a pack then goes to the end of the queue, so that
 * small calls wait for a pack of it and not for all of it.
 */
export class ScoreQueue<Call extends ScoreCall> {
  readonly #packTokens: number;
  readonly #merging: Merging;
  #waiting: { readonly call: Call; next: number }[] = [];

  constructor(options: { readonly packTokens: number; readonly merging: Merging }) {
    this.#packTokens = options.packTokens;
    this.#merging = options.merging;
  }

  /** Calls with rows that no execution has taken. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Whether the next execution has as many tokens as it may have: waiting for more calls gains nothing. */
  get isFull(): boolean {
    if (this.#merging === 'off') return this.size > 0;
    let tokens = 0;
    for (const { call, next } of this.#mergeable()) {
      for (const row of call.rows.slice(next)) {
        tokens += rowTokens(row);
        if (tokens >= this.#packTokens) return true;
      }
    }
    return false;
  }

  add(call: Call): void {
    this.#waiting.push({ call, next: 0 });
  }

  remove(call: Call): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.call !== call);
  }

  /**
   * Takes the rows of the next execution: one row at least, and no more tokens than a pack holds unless that row alone has
   * more. A call by itself is cut as `groupRows` cuts it.
   */
  take(): Share<Call>[] {
    const shares: Share<Call>[] = [];
    let room = this.#packTokens;
    for (const waiting of this.#mergeable()) {
      const { call, next: from } = waiting;
      for (const row of call.rows.slice(from)) {
        const tokens = rowTokens(row);
        const isFirst = shares.length === 0 && waiting.next === from;
        if (tokens > room && !isFirst) break;
        room -= tokens;
        waiting.next++;
      }
      if (waiting.next > from) shares.push({ call, rows: call.rows.slice(from, waiting.next) });
    }
    const unfinished = this.#waiting.filter(({ call, next }) => next < call.rows.length);
    const head = this.#waiting[0];
    this.#waiting = unfinished.filter((waiting) => waiting !== head);
    if (head !== undefined && unfinished[0] === head) this.#waiting.push(head);
    return shares;
  }

  /** The call at the head, and those that may be computed with it. */
  #mergeable(): { readonly call: Call; next: number }[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    if (this.#merging === 'off') return [first];
    return this.#waiting.filter(({ call }) => samePolicy(call.choice, first.call.choice));
  }
}

function samePolicy(a: PolicyChoice, b: PolicyChoice): boolean {
  if (a.kind === 'base' || b.kind === 'base') return a.kind === b.kind;
  return a.digest === b.digest;
}
