import type { Objective } from '@alphapo/contracts';
import { type BatchTotals, batchTotals } from './batch-totals.ts';
import { batchFeeds, column, type ReferenceSums, referenceFeeds, weightFeed } from './objective-feeds.ts';
import { objectiveProgram } from './objective-program.ts';
import { Session } from './session.ts';

/** Summed log-probability of a response, in nats, and its number of tokens. */
interface ResponseSum {
  readonly sum: number;
  readonly tokens: number;
}

/** Log-probabilities of P pairs, and their sums under the reference for objectives that have one. */
export interface PairSums {
  readonly chosen: readonly ResponseSum[];
  readonly rejected: readonly ResponseSum[];
  readonly reference: ReferenceSums | undefined;
  /** What each pair counts in the loss; 1 where absent. */
  readonly weights?: readonly (number | undefined)[];
}

/**
 * What an objective makes of P pairs; each has P elements. Losses are times the weights; gradients are those of a pair's
 * weighted loss by its two sums.
 */
export interface ObjectiveValues {
  readonly loss: Float64Array;
  readonly rewardChosen: Float64Array;
  readonly rewardRejected: Float64Array;
  readonly gradientChosen: Float64Array;
  readonly gradientRejected: Float64Array;
}

/** An objective as a graph of its own, ready to run in float64 on the CPU. */
export class ObjectiveSession implements AsyncDisposable {
  readonly #objective: Objective;
  readonly #session: Session;

  private constructor(objective: Objective, session: Session) {
    this.#objective = objective;
    this.#session = session;
  }

  static async open(objective: Objective): Promise<ObjectiveSession> {
    return new ObjectiveSession(
      objective,
      await Session.create(objectiveProgram(objective), { executionProvider: 'cpu', threads: 1 }),
    );
  }

  /** `batch`: the batch that the pairs are a part of. */
  async evaluate(sums: PairSums, batch: BatchTotals): Promise<ObjectiveValues> {
    const { chosen, rejected, reference, weights } = sums;
    const outputs = await this.#session.run({
      sum_chosen: column(chosen.map(({ sum }) => sum)),
      sum_rejected: column(rejected.map(({ sum }) => sum)),
      tokens_chosen: column(chosen.map(({ tokens }) => tokens)),
      tokens_rejected: column(rejected.map(({ tokens }) => tokens)),
      ...weightFeed(chosen.map((_, i) => ({ weight: weights?.[i] }))),
      ...(reference === undefined ? {} : referenceFeeds(reference)),
      ...batchFeeds(this.#objective, batch),
    });
    const output = (name: string) => outputs[name]?.data as Float64Array;
    return {
      loss: output('pair_loss'),
      rewardChosen: output('reward_chosen'),
      rewardRejected: output('reward_rejected'),
      gradientChosen: output('gradient_chosen'),
      gradientRejected: output('gradient_rejected'),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session[Symbol.asyncDispose]();
  }
}

/** Evaluates an objective once, on the pairs of a whole batch. */
export async function evaluateObjective(objective: Objective, sums: PairSums): Promise<ObjectiveValues> {
  await using session = await ObjectiveSession.open(objective);
  const pairs = sums.chosen.map(({ tokens }) => ({ chosen: { length: tokens } }));
  return await session.evaluate(sums, batchTotals(pairs));
}
