import { AlphapoError, fromWireError } from '@alphapo/base';
import type { TokenizerDescription, TokenizerOptions } from '../tokenizer.ts';
import { type JobName, type Jobs, rejection } from './jobs.ts';
import { limitsFor, type ProcessLimits, ProcessStopped, stoppedError } from './limits.ts';
import { TokenizerProcess } from './process.ts';
import type { Outcome } from './protocol.ts';

/** Items per job, and queued items per call: calls take turns, and small calls share a job. */
const ITEMS_PER_JOB = 16;

export interface PoolOptions extends TokenizerOptions {
  /** Number of processes, each with its own copy of the tokenizer. Default: one. */
  readonly processes?: number | undefined;
  /** Resource limits of a process. Default: `limitsFor` the folder. */
  readonly limits?: ProcessLimits | undefined;
}

/** A process, or the place of a stopped one, where another is opened when its turn comes. */
type Place = TokenizerProcess | 'stopped';

/** An item that waits for a process. */
interface Waiting {
  readonly name: JobName;
  readonly item: Jobs[JobName]['item'];
  readonly options: Jobs[JobName]['options'];
  /** Items with the same key can share a job; undefined: the item gets a job of its own. */
  readonly company: string | undefined;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

/**
 * Runs a model's tokenizer and chat template in child processes. The event loop stays free however long a text is. An item that exceeds
 * its time or memory is stopped and reported: chat templates are programs, and records come from anywhere.
 */
export class TokenizerPool implements AsyncDisposable {
  readonly description: TokenizerDescription;
  readonly #open: () => Promise<TokenizerProcess>;
  readonly #limits: ProcessLimits;
  readonly #queue: Waiting[] = [];
  readonly #idle: Place[];
  readonly #size: number;
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
    const company = `${name} ${JSON.stringify(options)}`;
    const results: Jobs[K]['result'][] = [];
    for (let start = 0; start < items.length; start += ITEMS_PER_JOB * this.#size) {
      signal?.throwIfAborted();
      const group = items.slice(start, start + ITEMS_PER_JOB * this.#size);
      const outcomes = group.map((item) => this.#outcome({ name, item, options, company }));
      for (const outcome of await Promise.all(outcomes)) {
        if ('error' in outcome) throw fromWireError(outcome.error);
        results.push(outcome.result as Jobs[K]['result']);
      }
    }
    return results;
  }

  /** Ends all processes at once; calls that have not ended fail with TOKENIZER_CLOSED. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#queue.splice(0)) reject(closed());
    await Promise.all([...this.#alive].map((one) => one[Symbol.asyncDispose]()));
  }

  #outcome(given: Omit<Waiting, 'resolve' | 'reject'>): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closed());
      this.#queue.push({ ...given, resolve, reject });
      this.#assign();
    });
  }

  #assign(): void {
    while (this.#queue.length > 0 && this.#idle.length > 0) void this.#work(this.#idle.pop() as Place, this.#nextJob());
  }

  /** The first waiting item, with the following ones that can share its job. */
  #nextJob(): Waiting[] {
    const company = this.#queue[0]?.company;
    let count = 1;
    while (company !== undefined && count < ITEMS_PER_JOB && this.#queue[count]?.company === company) count++;
    return this.#queue.splice(0, count);
  }

  async #work(from: Place, job: readonly Waiting[]): Promise<void> {
    let place = from;
    const [{ name, options }] = job as [Waiting];
    try {
      if (place === 'stopped') place = await this.#opened();
      const outcomes = await place.run({ name, items: job.map(({ item }) => item), options });
      settle(job, outcomes);
    } catch (error) {
      // An error outside of an item means that the process has ended.
      if (place !== 'stopped') this.#alive.delete(place);
      place = 'stopped';
      if (error instanceof ProcessStopped && !this.#isClosed) this.#goOnAfter(error, job);
      else for (const { reject } of job) reject(this.#isClosed ? closed() : error);
    }
    this.#idle.push(place);
    this.#assign();
  }

  /**
   * An item that stops its process is tried once more alone, in another process, before it is given up: the system may have ended the
   * first process because others used up the memory.
   */
  #goOnAfter(stopped: ProcessStopped, job: readonly Waiting[]): void {
    const done = stopped.outcomes.length;
    settle(job.slice(0, done), stopped.outcomes);
    const culprit = job[done] as Waiting;
    if (culprit.company !== undefined) {
      this.#queue.unshift({ ...culprit, company: undefined }, ...job.slice(done + 1));
      return;
    }
    const error = stoppedError(stopped, this.#limits);
    const result = rejection(culprit.name, error.reason, error.message);
    if (result === undefined) culprit.reject(error);
    else culprit.resolve({ result });
  }

  async #opened(): Promise<TokenizerProcess> {
    const opened = await this.#open();
    this.#alive.add(opened);
    if (!this.#isClosed) return opened;
    await opened[Symbol.asyncDispose]();
    throw closed();
  }
}

function settle(job: readonly Waiting[], outcomes: readonly Outcome[]): void {
  for (const [i, outcome] of outcomes.entries()) job[i]?.resolve(outcome);
}

function closed(): AlphapoError {
  return new AlphapoError('unavailable', 'TOKENIZER_CLOSED', 'the tokenizer has been closed');
}
