import { AlphapoError, fromWireError } from '@alphapo/base';
import type { TokenizerDescription, TokenizerOptions } from '../tokenizer.ts';
import { type JobName, type Jobs, rejection } from './jobs.ts';
import { limitsFor, type ProcessLimits, ProcessStopped, stoppedError } from './limits.ts';
import { TokenizerProcess } from './process.ts';
import type { Outcome } from './protocol.ts';

/** Items that a process is given at a time: little enough that the callers take turns, enough to outweigh the messages. */
const ITEMS_PER_JOB = 16;

export interface PoolOptions extends TokenizerOptions {
  /** Processes, each with the tokenizer in its own memory. Default: one. */
  readonly processes?: number | undefined;
  /** What an item may take; by default what `limitsFor` says. */
  readonly limits?: ProcessLimits | undefined;
}

/** A process, or the place of one that had to be stopped: another is opened there when its turn comes. */
type Place = TokenizerProcess | 'stopped';

/**
 * A model's tokenizer and chat template in processes of their own: the event loop stays free however long a text is, and
 * what runs out of time or memory (chat templates are programs, records come from anywhere) is stopped and named.
 */
export class TokenizerPool implements AsyncDisposable {
  readonly description: TokenizerDescription;
  readonly #open: () => Promise<TokenizerProcess>;
  readonly #limits: ProcessLimits;
  readonly #idle: Place[];
  readonly #size: number;
  readonly #waiting: ((place: Place) => void)[] = [];
  readonly #alive: Set<TokenizerProcess>;
  #isClosed = false;

  private constructor(
    processes: readonly TokenizerProcess[],
    limits: ProcessLimits,
    open: () => Promise<TokenizerProcess>,
  ) {
    const [first] = processes as [TokenizerProcess];
    this.description = first.description;
    this.#idle = [...processes];
    this.#alive = new Set(processes);
    this.#size = processes.length;
    this.#limits = limits;
    this.#open = open;
  }

  /** Opens the tokenizer of a Hugging Face model folder. Errors: those of `openTokenizer`. */
  static async open(folder: string, { processes = 1, limits, ...options }: PoolOptions = {}): Promise<TokenizerPool> {
    const given = limits ?? (await limitsFor(folder));
    const open = () => TokenizerProcess.open(folder, options, given);
    return new TokenizerPool(await Promise.all(Array.from({ length: processes }, open)), given, open);
  }

  /**
   * The result of each item. Records, preferences and responses that can't be tokenized have the reason as their result;
   * otherwise the first item's error is thrown. Calls take turns. Errors: those of the items, the signal's reason, and
   * TOKENIZER_CLOSED.
   */
  async run<K extends JobName>(
    name: K,
    items: readonly Jobs[K]['item'][],
    options: Jobs[K]['options'],
    signal?: AbortSignal,
  ): Promise<Jobs[K]['result'][]> {
    const results: Jobs[K]['result'][] = [];
    for (let start = 0; start < items.length; start += ITEMS_PER_JOB * this.#size) {
      signal?.throwIfAborted();
      const jobs = Array.from({ length: this.#size }, (_, i) => {
        const from = start + i * ITEMS_PER_JOB;
        return this.#outcomes(name, items.slice(from, from + ITEMS_PER_JOB), options);
      });
      for (const outcome of (await Promise.all(jobs)).flat()) {
        if ('error' in outcome) throw fromWireError(outcome.error);
        results.push(outcome.result);
      }
    }
    return results;
  }

  /** Ends all processes at once; calls that have not ended fail with TOKENIZER_CLOSED. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#alive].map((one) => one[Symbol.asyncDispose]()));
  }

  /** An item that stops its process has a second try by itself, in another process, before it is given up. */
  async #outcomes<K extends JobName>(
    name: K,
    items: readonly Jobs[K]['item'][],
    options: Jobs[K]['options'],
  ): Promise<readonly Outcome<Jobs[K]['result']>[]> {
    if (items.length === 0) return [];
    try {
      const outcomes = await this.#inProcess((tokenizer) => tokenizer.run({ name, items, options }));
      return outcomes as readonly Outcome<Jobs[K]['result']>[];
    } catch (error) {
      if (!(error instanceof ProcessStopped)) throw error;
      if (items.length === 1) return [{ result: this.#givenUp(name, error) }];
      const done = error.outcomes as readonly Outcome<Jobs[K]['result']>[];
      const [culprit, rest] = [items.slice(done.length, done.length + 1), items.slice(done.length + 1)];
      const parts = [await this.#outcomes(name, culprit, options), await this.#outcomes(name, rest, options)];
      return [...done, ...parts.flat()];
    }
  }

  #givenUp<K extends JobName>(name: K, stopped: ProcessStopped): Jobs[K]['result'] {
    const error = stoppedError(stopped, this.#limits);
    const result = rejection(name, error.reason, error.message);
    if (result === undefined) throw error;
    return result as Jobs[K]['result'];
  }

  async #inProcess<T>(work: (tokenizer: TokenizerProcess) => Promise<T>): Promise<T> {
    let place: Place = this.#idle.pop() ?? (await this.#turn());
    try {
      if (this.#isClosed) throw closed();
      if (place === 'stopped') place = await this.#opened();
      return await work(place);
    } catch (error) {
      // Whatever failed outside of an item took the process with it.
      if (place !== 'stopped') this.#alive.delete(place);
      place = 'stopped';
      throw this.#isClosed ? closed() : error;
    } finally {
      this.#giveBack(place);
    }
  }

  async #opened(): Promise<TokenizerProcess> {
    const opened = await this.#open();
    this.#alive.add(opened);
    if (!this.#isClosed) return opened;
    await opened[Symbol.asyncDispose]();
    throw closed();
  }

  #turn(): Promise<Place> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #giveBack(place: Place): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(place);
    else next(place);
  }
}

function closed(): AlphapoError {
  return new AlphapoError('unavailable', 'TOKENIZER_CLOSED', 'the tokenizer has been closed');
}
