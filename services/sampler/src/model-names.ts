import { AlphapoError } from '@alphapo/base';
import { LATEST_POLICY } from '@alphapo/contracts';
import type { WantedPolicy } from './sampler.ts';

/** Base model and policies under the names that callers of HTTP know them by. */
export class ModelNames {
  readonly #policies: ReadonlyMap<string, WantedPolicy>;

  /** `latest`: whether there is an optimizer. Errors: INVALID_CONFIGURATION where a name stands for two. */
  constructor(base: string, { adapters, latest }: { readonly adapters: readonly string[]; readonly latest: boolean }) {
    const policies = new Map<string, WantedPolicy>([[base, { kind: 'base' }]]);
    if (latest) policies.set(LATEST_POLICY, { kind: 'latest' });
    for (const name of adapters) {
      if (policies.has(name)) throw nameTaken(name);
      policies.set(name, { kind: 'adapter', name });
    }
    this.#policies = policies;
  }

  get all(): string[] {
    return [...this.#policies.keys()];
  }

  /** Errors: MODEL_NOT_FOUND with the names that there are. */
  policy(name: string): WantedPolicy {
    const policy = this.#policies.get(name);
    if (policy !== undefined) return policy;
    throw new AlphapoError(
      'not-found',
      'MODEL_NOT_FOUND',
      `the model "${name}" does not exist; this server has ${this.all.join(', ')}`,
      { metadata: { field: 'model' } },
    );
  }
}

function nameTaken(name: string): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'INVALID_CONFIGURATION',
    `adapters: the name "${name}" stands for another model already; choose another one`,
    { metadata: { setting: 'adapters' } },
  );
}
