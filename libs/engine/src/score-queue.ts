import { EMPTY_PACK, fitsInto, type PackLimits, withRow } from './pack.ts';
import type { Row, RowChoice } from './row.ts';

/** Rows to be scored with the same weights. */
export interface ScoreCall {
  readonly rows: readonly Row[];
  readonly choice: RowChoice;
}

/** Rows of a call that one execution computes; a call's rows are taken in their order. */
export interface Share<Call extends ScoreCall> {
  readonly call: Call;
  readonly rows: readonly Row[];
}

/** Whether rows of different calls may be computed in one execution. */
export type Merging = 'on' | 'off';

/** The limits of packs: the rows of one call fill a pack, those of others are added up to the limit of merged ones. */
export interface ScoreQueueOptions extends PackLimits {
  readonly merging: Merging;
}

/**
 * Calls that wait to be scored. An execution takes the rows of the call that has waited longest, and where they are few
 * adds those of other calls under the same weights. A call that is larger than a pack then goes to the end of the queue, so
 * that small calls wait for a pack of it and not for all of it.
 */
export class ScoreQueue<Call extends ScoreCall> {
  readonly #options: ScoreQueueOptions;
  #waiting: { readonly call: Call; next: number }[] = [];

  constructor(options: ScoreQueueOptions) {
    this.#options = options;
  }

  /** Calls with rows that no execution has taken. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Whether the next execution takes no more calls: waiting for them gains nothing. */
  get isFull(): boolean {
    if (this.#options.merging === 'off') return this.size > 0;
    const { merged } = this.#options;
    let size = EMPTY_PACK;
    for (const { call, next } of this.#mergeable()) {
      for (let i = next; i < call.rows.length; i++) {
        size = withRow(size, call.rows[i] as Row);
        if (size.tokens >= merged.tokens || size.responseTokens >= merged.responseTokens) return true;
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

  /** Takes the rows of the next execution, one at least. A call by itself is cut into packs as `groupRows` cuts it. */
  take(): Share<Call>[] {
    const { pack, merged } = this.#options;
    const shares: Share<Call>[] = [];
    const head = this.#waiting[0];
    let size = EMPTY_PACK;
    for (const waiting of this.#mergeable()) {
      const limit = waiting === head ? pack : merged;
      const { call, next: from } = waiting;
      for (const row of call.rows.slice(from)) {
        const grown = withRow(size, row);
        if (size !== EMPTY_PACK && !fitsInto(grown, limit)) break;
        size = grown;
        waiting.next++;
      }
      if (waiting.next > from) shares.push({ call, rows: call.rows.slice(from, waiting.next) });
    }
    const unfinished = this.#waiting.filter(({ call, next }) => next < call.rows.length);
    this.#waiting = unfinished.filter((waiting) => waiting !== head);
    if (head !== undefined && unfinished[0] === head) this.#waiting.push(head);
    return shares;
  }

  /** The call at the head, and those that may be computed with it. */
  #mergeable(): { readonly call: Call; next: number }[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    if (this.#options.merging === 'off') return [first];
    return this.#waiting.filter(({ call }) => sameWeights(call.choice, first.call.choice));
  }
}

function sameWeights(a: RowChoice, b: RowChoice): boolean {
  if (a.kind === 'policy' && b.kind === 'policy') return a.digest === b.digest;
  return a.kind === b.kind;
}
