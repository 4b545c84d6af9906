import {
  type DescribeSamplerRequest,
  type DescribeSamplerResponse,
  GenerateRequest,
  type GenerateResponse,
} from '@alphapo/contracts';
import type { CallContext } from '@alphapo/rpc';
import { type Forwarding, type Passing, passedOn } from './forwarding.ts';
import type { SamplerConnection } from './sampler-connection.ts';

export interface SamplerCallsParts extends Passing {
  readonly forwarding: Forwarding<SamplerConnection>;
}

/** The sampler's methods for applications. */
export class SamplerCalls {
  readonly #parts: SamplerCallsParts;

  constructor(parts: SamplerCallsParts) {
    this.#parts = parts;
  }

  describeSampler(request: DescribeSamplerRequest, context: CallContext): Promise<DescribeSamplerResponse> {
    const demand = { optimizer: false, repeatable: true, bytes: () => 0 };
    return this.#parts.forwarding.once(demand, context.signal, ({ rpc }) =>
      rpc.describeSampler(request, passedOn(context, this.#parts)),
    );
  }

  generate(request: GenerateRequest, context: CallContext): AsyncIterable<GenerateResponse> {
    const optimizer = request.policy?.$case === 'latest' || request.policy?.$case === 'version';
    const demand = { optimizer, repeatable: true, bytes: () => GenerateRequest.encode(request).finish().length };
    return this.#parts.forwarding.stream(demand, context.signal, ({ rpc }) =>
      rpc.generate(request, passedOn(context, this.#parts)),
    );
  }
}
