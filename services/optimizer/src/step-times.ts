import type { ShardTimes } from './shards.ts';

/** The phases of a step that the optimizer goes through one after the other. */
export type StepPhase = 'wait' | 'gradients' | 'sum' | 'norm' | 'update' | 'digest' | 'publish';

/** Where the time of a step went, in milliseconds, for the log: what the services cost beside the computation. */
export class StepTimes {
  readonly #phases = new Map<StepPhase, number>();
  #last: number;

  /** Counts from the end of the step before: waiting for a batch is the first phase. */
  constructor(since: number) {
    this.#last = since;
  }

  /** The phase that ends now has taken the time since the one before. */
  end(phase: StepPhase): void {
    const now = performance.now();
    this.#phases.set(phase, (this.#phases.get(phase) ?? 0) + now - this.#last);
    this.#last = now;
  }

  /** When the last phase ended. */
  get last(): number {
    return this.#last;
  }

  /**
   * Times by name, as the log has them. Shards are computed side by side where there are many scorers, so their times are
   * sums over the shards: `transfer` is what a call took beside the policy and the computation.
   */
  fields(shards: readonly ShardTimes[]): Record<string, number> {
    const total = (of: (times: ShardTimes) => number) => shards.reduce((sum, times) => sum + of(times), 0);
    return {
      ...Object.fromEntries([...this.#phases].map(([phase, ms]) => [`${phase}Ms`, ms])),
      policyMs: total(({ policy }) => policy),
      computeMs: total(({ compute }) => compute),
      transferMs: total(({ call, policy, compute }) => call - policy - compute),
    };
  }
}
