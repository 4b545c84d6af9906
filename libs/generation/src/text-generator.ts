import type { Engine, GenerationRequest, PolicyChoice, TokenLogProb } from '@alphapo/engine';
import { ContinuationText, type Tokenizer } from '@alphapo/tokenization';

/** How prompts are continued: see `GenerationRequest`. */
export interface ContinueOptions
  extends Pick<GenerationRequest, 'continuations' | 'maxTokens' | 'sampling' | 'seed' | 'batching' | 'topLogProbs'> {
  /** Texts that end a continuation, and are not a part of it. */
  readonly stop: readonly string[];
  /** No end token ends a continuation. */
  readonly ignoreEnd: boolean;
  readonly signal: AbortSignal;
  /** Receives text as soon as it is certain. */
  readonly onPiece?: (piece: TextPiece) => void;
  /** Receives each continuation when it has ended. */
  readonly onContinuation?: (continuation: ContinuedPrompt) => void;
}

/** Tokens of a continuation with what is known of them. */
interface Tokens {
  readonly tokens: readonly number[];
  /** In nats, one per token. */
  readonly logProbs: readonly number[];
  /** The most probable tokens at the place of each token, where the options ask for them. */
  readonly top: readonly (readonly TokenLogProb[])[];
}

/** What became certain of a continuation since its last piece. */
export interface TextPiece extends Tokens {
  /** Place among the prompts. */
  readonly prompt: number;
  /** Which continuation of the prompt. */
  readonly index: number;
  readonly text: string;
}

/** What follows a prompt. */
export interface ContinuedPrompt extends Tokens {
  /** Place among the prompts. */
  readonly prompt: number;
  /** Which continuation of the prompt. */
  readonly index: number;
  /** Without special tokens, and without the stop text; empty where the model has no tokenizer. */
  readonly text: string;
  /** `stop`: an end token or a stop text came; `length`: neither came within the limits. */
  readonly finish: 'stop' | 'length';
}

export interface TextGeneratorParts {
  readonly engine: Pick<Engine, 'generate'>;
  /** Undefined: the model has none, and continuations are token ids only. */
  readonly tokenizer: Pick<Tokenizer, 'decode'> | undefined;
  readonly endTokens: readonly number[];
}

/** Continues prompts as text. */
export class TextGenerator {
  readonly #parts: TextGeneratorParts;

  constructor(parts: TextGeneratorParts) {
    this.#parts = parts;
  }

  /**
   * Continues prompts of token ids; the result has them in order, continuations of a prompt together. Errors: those of
   * `Engine.generate`.
   */
  async continue(
    prompts: readonly (readonly number[])[],
    policy: PolicyChoice,
    { stop, ignoreEnd, signal, onPiece, onContinuation, ...asked }: ContinueOptions,
  ): Promise<ContinuedPrompt[]> {
    const { engine, tokenizer, endTokens } = this.#parts;
    const { continuations } = asked;
    const open = prompts.flatMap((tokens, prompt) =>
      Array.from({ length: continuations }, (_, index) => {
        const text = tokenizer && new ContinuationText(tokenizer, tokens, stop);
        return new OpenContinuation({ prompt, index }, text);
      }),
    );
    const finished: ContinuedPrompt[] = [];
    const request = { ...asked, prompts, endTokens: ignoreEnd ? [] : endTokens };
    await engine.generate(request, policy, {
      signal,
      onToken: (token) => {
        const { piece, ended } = (open[token.sequence] as OpenContinuation).push(token);
        if (piece !== undefined) onPiece?.(piece);
        if (ended === undefined) return 'continue';
        finished[token.sequence] = ended;
        onContinuation?.(ended);
        return 'stop';
      },
    });
    return finished;
  }
}

type Token = Parameters<NonNullable<NonNullable<Parameters<Engine['generate']>[2]>['onToken']>>[0];

/** A continuation as its tokens come. */
class OpenContinuation {
  readonly #place: { readonly prompt: number; readonly index: number };
  readonly #stream: ContinuationText | undefined;
  readonly #taken: Token[] = [];
  #text = '';
  /** Tokens of the pieces that were given out. */
  #told = 0;

  constructor(place: { prompt: number; index: number }, stream: ContinuationText | undefined) {
    this.#place = place;
    this.#stream = stream;
  }

  /** A piece where text became certain, or the continuation has ended. */
  push(token: Token): { readonly piece?: TextPiece; readonly ended?: ContinuedPrompt } {
    this.#taken.push(token);
    const { text: certain, stopped } = this.#stream?.push(token.token) ?? { text: '', stopped: false };
    const isEnd = token.finish !== undefined || stopped;
    const text = isEnd && !stopped ? certain + (this.#stream?.end() ?? '') : certain;
    this.#text += text;
    if (text === '' && !isEnd && this.#stream !== undefined) return {};
    const piece = { ...this.#place, text, ...columns(this.#taken.slice(this.#told)) };
    this.#told = this.#taken.length;
    if (!isEnd) return { piece };
    const finish = token.finish === 'length' && !stopped ? 'length' : 'stop';
    return { piece, ended: { ...this.#place, text: this.#text, ...columns(this.#taken), finish } };
  }
}

function columns(taken: readonly Token[]): Tokens {
  return {
    tokens: taken.map(({ token }) => token),
    logProbs: taken.map(({ logProb }) => logProb),
    top: taken.flatMap(({ top }) => (top === undefined ? [] : [top])),
  };
}
