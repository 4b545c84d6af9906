import type { Dtype, ExecutionProvider } from '@alphapo/contracts';
import { type Engine, type GenerationRequest, openEngine, type PolicyChoice } from '@alphapo/engine';
import { readEndTokens } from '@alphapo/models';
import { ContinuationText, openTokenizer, type Tokenizer } from '@alphapo/tokenization';
import { adapterPolicy } from '../adapter-policy.ts';
import type { TokenPrompt } from './prompts.ts';

/** What is opened to generate with. */
export interface SessionRequest {
  readonly model: string;
  readonly adapter: string | undefined;
  readonly chatTemplate: string | undefined;
  readonly device: ExecutionProvider;
  readonly dtype: Dtype;
  readonly threads: number | undefined;
  /** No end token ends a continuation. */
  readonly ignoreEnd: boolean;
}

/** How prompts are continued: see `GenerationRequest`. */
export interface ContinueOptions
  extends Pick<GenerationRequest, 'continuations' | 'maxTokens' | 'sampling' | 'seed' | 'batching'> {
  /** Texts that end a continuation, and are not a part of it. */
  readonly stop: readonly string[];
  readonly signal: AbortSignal;
  /** Hears of text as soon as it is certain; of the last piece, why the continuation ended. */
  readonly onText?: (piece: { readonly prompt: number; readonly index: number; readonly text: string }) => void;
  /** Hears of each continuation when it has ended. */
  readonly onContinuation?: (continuation: ContinuedPrompt) => void;
}

/** What follows a prompt. */
export interface ContinuedPrompt {
  /** Place among the prompts. */
  readonly prompt: number;
  /** Which continuation of the prompt. */
  readonly index: number;
  /** Without special tokens, and without the stop text; empty where the model has no tokenizer. */
  readonly text: string;
  readonly tokens: readonly number[];
  /** In nats, one per token. */
  readonly logProbs: readonly number[];
  /** `stop`: an end token or a stop text came; `length`: neither came within the limits. */
  readonly finish: 'stop' | 'length';
}

/** A model that is open for generating, with its tokenizer and perhaps an adapter. */
export class GeneratorSession implements AsyncDisposable {
  readonly tokenizer: Tokenizer | undefined;
  /** The adapter's policy, where there is one. */
  readonly policy: PolicyChoice;
  readonly #engine: Engine;
  readonly #endTokens: readonly number[];

  private constructor(
    engine: Engine,
    parts: { tokenizer: Tokenizer | undefined; policy: PolicyChoice; endTokens: readonly number[] },
  ) {
    this.#engine = engine;
    this.tokenizer = parts.tokenizer;
    this.policy = parts.policy;
    this.#endTokens = parts.endTokens;
  }

  /** Errors: those of opening model, adapter and tokenizer. A folder without tokenizer.json can continue token ids. */
  static async open(request: SessionRequest): Promise<GeneratorSession> {
    const { model, chatTemplate, device, dtype, threads, ignoreEnd } = request;
    const opened = await openTokenizer(model, { chatTemplate });
    const tokenizer = opened.takes === 'ids' ? undefined : opened;
    const endTokens = ignoreEnd ? [] : await readEndTokens(model, tokenizer?.special.eos);
    const engine = await openEngine(model, { executionProvider: device, dtype, threads });
    try {
      const policy = await adapterPolicy(engine, request.adapter);
      return new GeneratorSession(engine, { tokenizer, policy, endTokens });
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Continues prompts under the base model or the adapter; the result has them in order, continuations of a prompt together. */
  async continue(
    prompts: readonly TokenPrompt[],
    policy: PolicyChoice,
    options: ContinueOptions,
  ): Promise<ContinuedPrompt[]> {
    const { continuations, maxTokens, sampling, seed, batching, stop, signal, onText, onContinuation } = options;
    const { tokenizer } = this;
    const open = prompts.flatMap(({ tokens }) =>
      Array.from({ length: continuations }, () => ({
        stream: tokenizer && new ContinuationText(tokenizer, tokens, stop),
        ...{ text: '', tokens: [] as number[], logProbs: [] as number[] },
      })),
    );
    const finished: ContinuedPrompt[] = [];
    const place = (sequence: number) => ({
      prompt: Math.floor(sequence / continuations),
      index: sequence % continuations,
    });
    await this.#engine.generate(
      {
        ...{ prompts: prompts.map(({ tokens }) => tokens), endTokens: this.#endTokens },
        ...{ continuations, maxTokens, sampling, seed, batching },
      },
      policy,
      {
        signal,
        onToken: ({ sequence, token, logProb, finish }) => {
          const own = open[sequence] as (typeof open)[number];
          own.tokens.push(token);
          own.logProbs.push(logProb);
          const piece = own.stream?.push(token) ?? { text: '', stopped: false };
          const ended = finish !== undefined || piece.stopped;
          const text = ended && !piece.stopped ? piece.text + (own.stream?.end() ?? '') : piece.text;
          own.text += text;
          if (text !== '') onText?.({ ...place(sequence), text });
          if (!ended) return 'continue';
          const { stream: _stream, ...result } = own;
          const reason = finish === 'length' && !piece.stopped ? 'length' : 'stop';
          const continued: ContinuedPrompt = { ...place(sequence), ...result, finish: reason };
          finished[sequence] = continued;
          onContinuation?.(continued);
          return 'stop';
        },
      },
    );
    return finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}
