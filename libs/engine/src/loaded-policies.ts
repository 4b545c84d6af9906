import { AlphapoError, type FloatTensor, type FloatTensors, sameShape } from '@alphapo/base';
import type { TrainingMethod } from '@alphapo/contracts';
import type { ModelDefinition } from '@alphapo/models';
import { trainableParameters } from './model-graph.ts';
import type { PolicyChoice } from './policy-choice.ts';

/** Policies kept at a time: the one being trained, the one before it, and some that are being scored. */
const POLICIES_KEPT = 4;
/** Bytes of all kept policies together. The newest is always kept; if all weights are trained, it is often the only one. */
const POLICY_BYTES_KEPT = 2 ** 28;

/** The trainable tensors of a policy, in the order of the model's parameters. */
export interface Policy {
  readonly method: TrainingMethod;
  readonly tensors: FloatTensors;
}

/** The policies of a model that are in memory, by digest. The least recently used one is evicted first, but not while a call holds it. */
export class LoadedPolicies {
  readonly #definition: ModelDefinition;
  /** In the order of use, the least recently used first. */
  readonly #policies = new Map<string, Policy>();
  /** Calls that need a policy, by its digest. */
  readonly #holds = new Map<string, number>();

  constructor(definition: ModelDefinition) {
    this.#definition = definition;
  }

  /** Keeps a policy; returns the digests of evicted ones. Errors: POLICY_MISMATCH. */
  load(digest: string, method: TrainingMethod, tensors: FloatTensors): string[] {
    const ordered = new Map<string, FloatTensor>();
    for (const { name, shape } of trainableParameters(this.#definition, method)) {
      const tensor = tensors.get(name);
      if (tensor === undefined || !sameShape(tensor.shape, shape)) {
        const found = tensor === undefined ? 'is missing' : `has the shape [${tensor.shape}]`;
        throw policyError(`${name} ${found}; this model and method need [${shape}]`);
      }
      ordered.set(name, tensor);
    }
    const unknown = [...tensors.keys()].find((name) => !ordered.has(name));
    if (unknown !== undefined) throw policyError(`${unknown} is not trained by this method`);
    this.#policies.delete(digest);
    this.#policies.set(digest, { method, tensors: ordered });
    const evicted = this.#superfluous();
    for (const old of evicted) this.#policies.delete(old);
    return evicted;
  }

  /** Keeps a policy as long as a call needs it. Errors: POLICY_NOT_LOADED. */
  hold(choice: PolicyChoice): Disposable {
    if (choice.kind === 'base') return { [Symbol.dispose]: () => {} };
    const { digest } = choice;
    this.get(digest);
    const count = (change: 1 | -1) => {
      const holds = (this.#holds.get(digest) ?? 0) + change;
      if (holds > 0) this.#holds.set(digest, holds);
      else this.#holds.delete(digest);
    };
    count(1);
    return { [Symbol.dispose]: () => count(-1) };
  }

  /** A policy, which becomes the most recently used one. Errors: POLICY_NOT_LOADED. */
  get(digest: string): Policy {
    const policy = this.#policies.get(digest);
    if (policy === undefined) {
      throw new AlphapoError(
        'failed-precondition',
        'POLICY_NOT_LOADED',
        `policy ${digest} is not loaded; load it again`,
      );
    }
    this.#policies.delete(digest);
    this.#policies.set(digest, policy);
    return policy;
  }

  #superfluous(): string[] {
    let bytes = 0;
    const newestFirst = [...this.#policies].toReversed();
    const superfluous = newestFirst.filter(([digest, { tensors }], i) => {
      for (const { data } of tensors.values()) bytes += data.byteLength;
      return i > 0 && (i >= POLICIES_KEPT || bytes > POLICY_BYTES_KEPT) && !this.#holds.has(digest);
    });
    return superfluous.map(([digest]) => digest);
  }
}

function policyError(problem: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'POLICY_MISMATCH', `the policy does not fit: ${problem}`);
}
