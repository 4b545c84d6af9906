import { randomUUID } from 'node:crypto';
import type { ContinueOptions } from '@alphapo/generation';
import type { ModelNames } from '../model-names.ts';
import { type ChosenPolicy, type Sampler, tokensIn } from '../sampler.ts';
import { streamed } from '../stream.ts';
import { chatLogProbs, type ScoredTokens } from './log-probs.ts';
import { type ChatRequest, continueOptions } from './requests.ts';
import { usageOf } from './usage.ts';

/** A request for the next message of a conversation, with its prompt as tokens. */
export class ChatCompletion {
  readonly #sampler: Sampler;
  readonly #request: ChatRequest;
  readonly #prompt: readonly number[];
  readonly #policy: ChosenPolicy;
  readonly #head: { readonly id: string; readonly created: number; readonly model: string };

  private constructor(
    sampler: Sampler,
    request: ChatRequest,
    parts: { prompt: readonly number[]; policy: ChosenPolicy },
  ) {
    this.#sampler = sampler;
    this.#request = request;
    this.#prompt = parts.prompt;
    this.#policy = parts.policy;
    this.#head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: request.model };
  }

  /** Errors: those of the messages, the model's name and the policy. */
  static async open(sampler: Sampler, names: ModelNames, request: ChatRequest, signal: AbortSignal) {
    const wanted = names.policy(request.model);
    const messages = request.messages.map(({ role, content }) => ({ role, content }));
    const [prompt = []] = await sampler.tokens([{ kind: 'conversation', messages }], signal);
    return new ChatCompletion(sampler, request, { prompt, policy: await sampler.choose(wanted, signal) });
  }

  async answer(signal: AbortSignal) {
    const continued = await this.#sampler.continue([this.#prompt], this.#policy.choice, this.#options(signal));
    const choices = continued.map(({ index, text, finish, ...tokens }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: this.#logProbs(tokens),
      finish_reason: finish,
    }));
    const generated = tokensIn(continued.map(({ tokens }) => tokens));
    return { ...this.#head, object: 'chat.completion', choices, usage: usageOf([this.#prompt], generated) };
  }

  /** The chunks of a stream, as JSON values. */
  async *chunks(signal: AbortSignal): AsyncGenerator<unknown> {
    const chunk = (choices: object[]) => ({ ...this.#head, object: 'chat.completion.chunk', choices });
    const continuations = this.#request.n ?? 1;
    let generated = 0;
    for (let index = 0; index < continuations; index++) {
      yield chunk([{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]);
    }
    const parts = streamed(
      (listener) =>
        this.#sampler.continue([this.#prompt], this.#policy.choice, { ...this.#options(signal), ...listener }),
      signal,
    );
    for await (const part of parts) {
      if (part.kind === 'piece') {
        const { index, text, tokens } = part.piece;
        generated += tokens.length;
        const logprobs = this.#logProbs(part.piece);
        yield chunk([{ index, delta: { content: text }, logprobs, finish_reason: null }]);
      } else {
        const { index, finish } = part.continuation;
        yield chunk([{ index, delta: {}, logprobs: null, finish_reason: finish }]);
      }
    }
    if (this.#request.stream_options?.include_usage) yield { ...chunk([]), usage: usageOf([this.#prompt], generated) };
  }

  /** Without a limit an answer may fill what the prompt leaves of the model's positions. */
  #options(signal: AbortSignal): ContinueOptions {
    const { max_completion_tokens: limit, max_tokens: older, top_logprobs: topLogProbs } = this.#request;
    const left = Math.max(1, this.#sampler.model.maxPositions - this.#prompt.length);
    const maxTokens = limit ?? older ?? left;
    return { ...continueOptions(this.#request), maxTokens, topLogProbs: topLogProbs ?? 0, signal };
  }

  #logProbs(tokens: ScoredTokens) {
    return this.#request.logprobs ? chatLogProbs(tokens, (ids) => this.#sampler.text(ids)) : null;
  }
}
