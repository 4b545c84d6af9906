import type { Dtype, ExecutionProvider } from '@alphapo/contracts';
import { type Engine, openEngine, type PolicyChoice } from '@alphapo/engine';
import { type ContinuedPrompt, type ContinueOptions, TextGenerator, type TokenPrompt } from '@alphapo/generation';
import { readEndTokens } from '@alphapo/models';
import { loadAdapter } from '@alphapo/policies';
import { openTokenizer, type Tokenizer } from '@alphapo/tokenization';

/** What is opened to generate with. */
export interface SessionRequest {
  readonly model: string;
  readonly adapter: string | undefined;
  readonly chatTemplate: string | undefined;
  readonly device: ExecutionProvider;
  readonly dtype: Dtype;
  readonly threads: number | undefined;
}

/** A model that is open for generating, with its tokenizer and perhaps an adapter. */
export class GeneratorSession implements AsyncDisposable {
  readonly tokenizer: Tokenizer | undefined;
  /** The adapter's policy; the base model where there is none. */
  readonly policy: PolicyChoice;
  readonly #engine: Engine;
  readonly #generator: TextGenerator;

  private constructor(
    engine: Engine,
    parts: { tokenizer: Tokenizer | undefined; policy: PolicyChoice; generator: TextGenerator },
  ) {
    this.#engine = engine;
    this.tokenizer = parts.tokenizer;
    this.policy = parts.policy;
    this.#generator = parts.generator;
  }

  /** Errors: those of opening model, adapter and tokenizer. A folder without tokenizer.json can continue token ids. */
  static async open({
    model,
    adapter,
    chatTemplate,
    device,
    dtype,
    threads,
  }: SessionRequest): Promise<GeneratorSession> {
    await using opening = new AsyncDisposableStack();
    const opened = await openTokenizer(model, { chatTemplate });
    const tokenizer = opened.takes === 'ids' ? undefined : opened;
    const endTokens = await readEndTokens(model, tokenizer?.special.eos);
    const engine = opening.use(await openEngine(model, { executionProvider: device, dtype, threads }));
    const policy: PolicyChoice = adapter === undefined ? { kind: 'base' } : await loadAdapter(engine, adapter);
    const generator = new TextGenerator({ engine, tokenizer, endTokens });
    opening.move();
    return new GeneratorSession(engine, { tokenizer, policy, generator });
  }

  /** Continues prompts under the base model or the adapter; the result has them in order, continuations of a prompt together. */
  continue(
    prompts: readonly TokenPrompt[],
    policy: PolicyChoice,
    options: ContinueOptions,
  ): Promise<ContinuedPrompt[]> {
    return this.#generator.continue(
      prompts.map(({ tokens }) => tokens),
      policy,
      options,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}
