/** What `verify` finds, by stable identifiers. */
export type ProblemCode =
  | 'BATCH_UNREADABLE'
  | 'BATCH_OF_OTHER_TOPIC'
  | 'BATCH_RANGE_INVALID'
  | 'BATCH_RANGES_OVERLAP'
  | 'BATCH_WITHOUT_STEP'
  | 'DIGEST_CHANGED'
  | 'PAIR_REPEATED'
  | 'RECORD_LOST'
  | 'RECORD_UNKNOWN'
  | 'DEAD_LETTER_UNREADABLE'
  | 'DEAD_LETTER_REPEATED'
  | 'DEAD_LETTER_AND_PAIR'
  | 'DEAD_LETTERS_DIFFER'
  | 'STEP_UNREADABLE'
  | 'STEP_MISSING'
  | 'STEP_REPEATED'
  | 'STEP_WITHOUT_BATCH'
  | 'STEP_PAIRS_DIFFER'
  | 'STEP_POLICY_DIFFERS'
  | 'STEP_OF_OTHER_RUN'
  | 'CHECKPOINT_DAMAGED'
  | 'CHECKPOINT_DIFFERS';

export interface Problem {
  readonly code: ProblemCode;
  /** The topic, partition and offset, or the folder. */
  readonly place: string;
  /** What is wrong there, for people. */
  readonly meaning: string;
}

/** Problems as they are found: all are counted, the first ones kept. */
export class ProblemList {
  readonly #kept: number;
  readonly #first: Problem[] = [];
  readonly #counts = new Map<ProblemCode, number>();

  constructor(kept: number) {
    this.#kept = kept;
  }

  add(code: ProblemCode, place: string, meaning: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (this.#first.length < this.#kept) this.#first.push({ code, place, meaning });
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get counts(): Readonly<Partial<Record<ProblemCode, number>>> {
    return Object.fromEntries(this.#counts);
  }

  get first(): readonly Problem[] {
    return this.#first;
  }
}
