import type { ShardTimes } from './shards.ts';

/** The phases of a step that the optimizer goes through one after the other. */
export const STEP_PHASES = ['wait', 'gradients', 'sum', 'norm', 'update', 'digest', 'publish'] as const;
/** Parts of `gradients`, as sums over the shards of a step. `transfer`: what a call took beside the other two. */
export const SHARD_PHASES = ['policy', 'compute', 'transfer'] as const;

export type StepPhase = (typeof STEP_PHASES)[number];

/** Where the time of a step went, as `step.taken` has it. A skipped step has no update and no digest: they take 0. */
export type StepDurations = { readonly [Phase in StepPhase | (typeof SHARD_PHASES)[number] as `${Phase}Ms`]: number };

/** Where the time of a step went, in milliseconds, for the log: what the services cost beside the computation. */
export class StepTimes {
  readonly #phases: Record<StepPhase, number> = {
    wait: 0,
    gradients: 0,
    sum: 0,
    norm: 0,
    update: 0,
    digest: 0,
    publish: 0,
  };
  #last: number;

  /** Counts from the end of the step before: waiting for a batch is the first phase. */
  constructor(since: number) {
    this.#last = since;
  }

  /** The phase that ends now has taken the time since the one before. */
  end(phase: StepPhase): void {
    const now = performance.now();
    this.#phases[phase] += now - this.#last;
    this.#last = now;
  }

  /** When the last phase ended. */
  get last(): number {
    return this.#last;
  }

  /** Shards are computed side by side where there are many scorers, so their times are sums over the shards. */
  durations(shards: readonly ShardTimes[]): StepDurations {
    const { wait, gradients, sum, norm, update, digest, publish } = this.#phases;
    const total = (of: (times: ShardTimes) => number) => shards.reduce((all, times) => all + of(times), 0);
    return {
      waitMs: wait,
      gradientsMs: gradients,
      sumMs: sum,
      normMs: norm,
      updateMs: update,
      digestMs: digest,
      publishMs: publish,
      policyMs: total(({ policy }) => policy),
      computeMs: total(({ compute }) => compute),
      transferMs: total(({ call, policy, compute }) => call - policy - compute),
    };
  }
}
