import { AlphapoError } from '@alphapo/base';
import type { PolicyVersion } from '@alphapo/contracts';
import { type Engine, namingItem, type PolicyChoice, type TokenScores } from '@alphapo/engine';
import type { ContinuedPrompt, ContinueOptions, TextGenerator } from '@alphapo/generation';
import type { PolicySource } from '@alphapo/policies';
import { Admission } from '@alphapo/rpc';
import { meter } from '@alphapo/telemetry';
import type { Tokenizer, TokenizerPool } from '@alphapo/tokenization';
import type { Adapters } from './adapters.ts';
import { tokensOfPrompts, type WrittenPrompt } from './prompts.ts';

/** Calls that are computed together, and those that wait; more are asked to come back. */
const LIMITS = { concurrency: 64, queue: 256 };

/** Tokens that all answers of a call may come to, prompts included: they are in memory until the call has ended. */
const MAX_CALL_TOKENS = 2 ** 21;

const readTokens = meter.counter({
  name: 'alphapo_sampler_prompt_tokens_total',
  help: 'Tokens of prompts that were read.',
  labels: ['policy'],
});
const generatedTokens = meter.counter({
  name: 'alphapo_sampler_generated_tokens_total',
  help: 'Tokens that were generated.',
  labels: ['policy'],
});

/** Which weights callers want. */
export type WantedPolicy =
  | { readonly kind: 'base' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'version'; readonly version: PolicyVersion }
  | { readonly kind: 'adapter'; readonly name: string };

export interface ChosenPolicy {
  readonly choice: PolicyChoice;
  /** The version of the run's policy, where it is one. */
  readonly version: PolicyVersion | undefined;
}

export interface SamplerParts {
  readonly engine: Engine;
  readonly generator: TextGenerator;
  /** Turns what callers send into tokens, in processes of its own. */
  readonly encoder: TokenizerPool;
  /** Turns generated tokens into text; undefined where the model has no tokenizer. */
  readonly decoder: Tokenizer | undefined;
  readonly policies: PolicySource;
  readonly adapters: Adapters;
}

/** Continues and scores prompts for callers, whichever way they come. */
export class Sampler {
  readonly #parts: SamplerParts;
  readonly #calls = new Admission(LIMITS);

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  get model(): Engine['model'] {
    return this.#parts.engine.model;
  }

  get loadedPolicies(): PolicyVersion[] {
    return this.#parts.policies.loaded;
  }

  get adapterNames(): string[] {
    return this.#parts.adapters.names;
  }

  /** Runs a call when there is room for it. Errors: QUEUE_FULL; what the call throws. */
  admitted<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#calls.run(call, signal);
  }

  tokens(prompts: readonly WrittenPrompt[], signal: AbortSignal): Promise<(readonly number[])[]> {
    return tokensOfPrompts(prompts, this.#parts.encoder, signal);
  }

  /** Text of tokens, special ones included; empty where the model has no tokenizer. */
  text(tokens: readonly number[]): string {
    return this.#parts.decoder?.decode(tokens, { skipSpecialTokens: false }) ?? '';
  }

  /** Loads the policy unless it is there. Errors: those of `PolicySource.ensure`, UNKNOWN_ADAPTER. */
  async choose(wanted: WantedPolicy, signal: AbortSignal): Promise<ChosenPolicy> {
    const { policies, adapters } = this.#parts;
    if (wanted.kind === 'base') return { choice: { kind: 'base' }, version: undefined };
    if (wanted.kind === 'adapter') return { choice: await adapters.ensure(wanted.name), version: undefined };
    const version = await policies.ensure(wanted.kind === 'version' ? wanted.version : undefined, signal);
    return { choice: { kind: 'policy', digest: version.digest }, version };
  }

  /** Errors: TOO_MANY_TOKENS; those of `Engine.generate`, with the prompt as `prompts[i]`. */
  async continue(
    prompts: readonly (readonly number[])[],
    choice: PolicyChoice,
    options: ContinueOptions,
  ): Promise<ContinuedPrompt[]> {
    checkCallTokens(prompts, options, this.model.maxPositions);
    readTokens.add(tokensIn(prompts), { policy: choice.kind });
    const made = await this.#parts.generator.continue(prompts, choice, options).catch(namePrompt);
    generatedTokens.add(tokensIn(made.map(({ tokens }) => tokens)), { policy: choice.kind });
    return made;
  }

  /** Scores of the prompts' own tokens. Errors: those of `Engine.tokenScores`, with the prompt as `prompts[i]`. */
  async scores(
    prompts: readonly (readonly number[])[],
    choice: PolicyChoice,
    options: { readonly top: number; readonly signal: AbortSignal },
  ): Promise<readonly TokenScores[]> {
    readTokens.add(tokensIn(prompts), { policy: choice.kind });
    return this.#parts.engine.tokenScores(prompts, choice, options).catch(namePrompt);
  }
}

/** Tokens of all lists together. */
export const tokensIn = (lists: readonly (readonly number[])[]) => lists.reduce((sum, { length }) => sum + length, 0);

function checkCallTokens(
  prompts: readonly (readonly number[])[],
  { continuations, maxTokens }: ContinueOptions,
  longest: number,
): void {
  const each = prompts.reduce((sum, { length }) => sum + Math.min(longest, length + maxTokens), 0);
  const tokens = each * continuations;
  if (tokens <= MAX_CALL_TOKENS) return;
  throw new AlphapoError(
    'invalid-argument',
    'TOO_MANY_TOKENS',
    `the answers may come to ${tokens} tokens; a call has room for ${MAX_CALL_TOKENS}: send fewer prompts, or ask for fewer or shorter answers`,
  );
}

function namePrompt(error: unknown): never {
  throw namingItem(error, (item) => `prompts[${item}]`);
}
