import { AlphapoError } from '@alphapo/base';
import {
  type DescribeScorerRequest,
  type DescribeScorerResponse,
  ScoreRequest,
  type ScoreResponse,
  type ScorerServiceDefinition,
} from '@alphapo/contracts';
import type { CallContext, Client } from '@alphapo/rpc';
import { type Forwarding, type Passing, passedOn } from './forwarding.ts';

export interface ScorerCallsParts extends Passing {
  readonly forwarding: Forwarding<Client<ScorerServiceDefinition>>;
  /** Address for gradients: the scorers themselves. */
  readonly scorerPods: string;
}

/** The scorer's methods for applications. */
export class ScorerCalls {
  readonly #parts: ScorerCallsParts;

  constructor(parts: ScorerCallsParts) {
    this.#parts = parts;
  }

  describeScorer(request: DescribeScorerRequest, context: CallContext): Promise<DescribeScorerResponse> {
    const demand = { optimizer: false, repeatable: true, bytes: () => 0 };
    return this.#parts.forwarding.once(demand, context.signal, (scorer) =>
      scorer.describeScorer(request, passedOn(context, this.#parts)),
    );
  }

  score(request: ScoreRequest, context: CallContext): Promise<ScoreResponse> {
    const { policy } = request;
    const optimizer = policy !== undefined && policy.$case !== 'base';
    const demand = { optimizer, repeatable: true, bytes: () => ScoreRequest.encode(request).finish().length };
    return this.#parts.forwarding.once(demand, context.signal, (scorer) =>
      scorer.score(request, passedOn(context, this.#parts)),
    );
  }

  /** Only the optimizer requests gradients, directly from the scorers. */
  // biome-ignore lint/correctness/useYield: it has nothing to yield
  async *gradient(): AsyncGenerator<never> {
    throw new AlphapoError(
      'unimplemented',
      'GRADIENT_NOT_FORWARDED',
      `this service does not forward Gradient; call the scorers at ${this.#parts.scorerPods}`,
    );
  }
}
