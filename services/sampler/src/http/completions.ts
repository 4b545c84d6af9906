import { randomUUID } from 'node:crypto';
import type { ContinueOptions } from '@alphapo/generation';
import type { ModelNames } from '../model-names.ts';
import type { WrittenPrompt } from '../prompts.ts';
import { type ChosenPolicy, type Sampler, tokensIn } from '../sampler.ts';
import { streamed } from '../stream.ts';
import { completionLogProbs, type ScoredTokens } from './log-probs.ts';
import { type CompletionRequest, continueOptions } from './requests.ts';
import { usageOf } from './usage.ts';

const DEFAULT_MAX_TOKENS = 16;

/** A request for completions, with its prompts as tokens. */
export class Completion {
  readonly #sampler: Sampler;
  readonly #request: CompletionRequest;
  readonly #prompts: readonly (readonly number[])[];
  readonly #policy: ChosenPolicy;
  readonly #head: {
    readonly id: string;
    readonly object: 'text_completion';
    readonly created: number;
    readonly model: string;
  };

  private constructor(
    sampler: Sampler,
    request: CompletionRequest,
    parts: {
      prompts: readonly (readonly number[])[];
      policy: ChosenPolicy;
    },
  ) {
    this.#sampler = sampler;
    this.#request = request;
    this.#prompts = parts.prompts;
    this.#policy = parts.policy;
    const created = Math.floor(Date.now() / 1000);
    this.#head = { id: `cmpl-${randomUUID()}`, object: 'text_completion', created, model: request.model };
  }

  /** Errors: those of the prompts, the model's name and the policy. */
  static async open(sampler: Sampler, names: ModelNames, request: CompletionRequest, signal: AbortSignal) {
    const wanted = names.policy(request.model);
    const prompts = await sampler.tokens(writtenPrompts(request.prompt), signal);
    return new Completion(sampler, request, { prompts, policy: await sampler.choose(wanted, signal) });
  }

  async answer(signal: AbortSignal) {
    const { choice } = this.#policy;
    const { n, echo, logprobs } = this.#request;
    const scores =
      echo && logprobs !== null && logprobs !== undefined
        ? await this.#sampler.scores(this.#prompts, choice, { top: logprobs, signal })
        : undefined;
    const continued =
      this.#maxTokens === 0 ? undefined : await this.#sampler.continue(this.#prompts, choice, this.#options(signal));
    const choices = this.#prompts.flatMap((prompt, p) => {
      const before = echo ? prompt : [];
      const prefix = echo ? this.#sampler.text(prompt) : '';
      const own = scores?.[p];
      const echoed: ScoredTokens =
        own === undefined
          ? { tokens: before, logProbs: before.map(() => null), top: before.map(() => null) }
          : { tokens: before, logProbs: [null, ...own.logProbs], top: [null, ...own.top] };
      return Array.from({ length: n ?? 1 }, (_, i) => {
        const index = p * (n ?? 1) + i;
        const { text = '', finish = 'length', tokens = [], logProbs = [], top = [] } = continued?.[index] ?? {};
        const all = {
          tokens: [...echoed.tokens, ...tokens],
          logProbs: [...echoed.logProbs, ...logProbs],
          top: [...echoed.top, ...top],
        };
        return { index, text: prefix + text, logprobs: this.#logProbs(all), finish_reason: finish };
      });
    });
    const generated = tokensIn(continued?.map(({ tokens }) => tokens) ?? []);
    return { ...this.#head, choices, usage: usageOf(this.#prompts, generated) };
  }

  /** The chunks of a stream, as JSON values. */
  async *chunks(signal: AbortSignal): AsyncGenerator<unknown> {
    const { n, stream_options: options } = this.#request;
    const { choice } = this.#policy;
    const offsets = new Map<number, number>();
    let generated = 0;
    const parts = streamed(
      (listener) => this.#sampler.continue(this.#prompts, choice, { ...this.#options(signal), ...listener }),
      signal,
    );
    for await (const part of parts) {
      const { prompt, index: continuation } = part.kind === 'piece' ? part.piece : part.continuation;
      const index = prompt * (n ?? 1) + continuation;
      if (part.kind === 'piece') {
        const { text, tokens } = part.piece;
        const offset = offsets.get(index) ?? 0;
        offsets.set(index, offset + text.length);
        generated += tokens.length;
        yield this.#chunk({ index, text, logprobs: this.#logProbs(part.piece, offset), finish_reason: null });
      } else {
        yield this.#chunk({ index, text: '', logprobs: null, finish_reason: part.continuation.finish });
      }
    }
    if (options?.include_usage) yield { ...this.#head, choices: [], usage: usageOf(this.#prompts, generated) };
  }

  get #maxTokens(): number {
    return this.#request.max_tokens ?? DEFAULT_MAX_TOKENS;
  }

  #options(signal: AbortSignal): ContinueOptions {
    const topLogProbs = this.#request.logprobs ?? 0;
    return { ...continueOptions(this.#request), maxTokens: this.#maxTokens, topLogProbs, signal };
  }

  #logProbs(tokens: ScoredTokens, offset = 0) {
    const { logprobs } = this.#request;
    if (logprobs === null || logprobs === undefined) return null;
    return completionLogProbs(tokens, (ids) => this.#sampler.text(ids), offset);
  }

  #chunk(choice: object): unknown {
    return { ...this.#head, choices: [choice] };
  }
}

function writtenPrompts(prompt: CompletionRequest['prompt']): WrittenPrompt[] {
  if (typeof prompt === 'string') return [{ kind: 'text', text: prompt }];
  if (typeof prompt[0] === 'number') return [{ kind: 'tokens', tokens: prompt as number[] }];
  return (prompt as (string | number[])[]).map((one) =>
    typeof one === 'string' ? { kind: 'text', text: one } : { kind: 'tokens', tokens: one },
  );
}
