import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AlphapoError, messageOf } from '@alphapo/base';
import { KERNELS } from './kernels.ts';

export type KernelName = keyof typeof KERNELS;
type Work<K extends KernelName> = Parameters<(typeof KERNELS)[K]>[0];
type Result<K extends KernelName> = ReturnType<(typeof KERNELS)[K]>;

/** Where the loops over tensors run. */
export interface Runner {
  /** The kernel's results for each piece of work, in their order. */
  run<K extends KernelName>(name: K, work: readonly Work<K>[]): Promise<Result<K>[]>;
}

/** Runs everything at once, on the calling thread. */
export const callingThread: Runner = {
  async run<K extends KernelName>(name: K, work: readonly Work<K>[]): Promise<Result<K>[]> {
    const kernel = KERNELS[name] as (work: Work<K>) => Result<K>;
    return work.map((piece) => kernel(piece));
  },
};

/** Less work than this is done before other threads have woken up. */
const WORTH_THREADS = 4;

/** To a thread: all the work of a call, and the number of the piece that is taken next, by whichever thread is free. */
export interface Task {
  readonly name: KernelName;
  readonly work: readonly unknown[];
  readonly next: Int32Array;
}

/** From a thread: the results of the pieces that it took, by number. */
export type Answer = { readonly results: ReadonlyMap<number, unknown> } | { readonly error: string };

/**
 * Runs loops on all cores, so that the calling thread stays free. Arrays must lie in shared memory, or threads would work
 * on copies: see `sharedTensors`. Threads are started when there is first enough work for them.
 */
export class ThreadPool implements Runner, AsyncDisposable {
  readonly #size: number;
  #threads: Thread[] = [];

  constructor(size = availableParallelism()) {
    this.#size = size;
  }

  async run<K extends KernelName>(name: K, work: readonly Work<K>[]): Promise<Result<K>[]> {
    if (work.length < WORTH_THREADS || this.#size <= 1) return callingThread.run(name, work);
    if (this.#threads.length === 0) this.#threads = Array.from({ length: this.#size }, () => new Thread());
    const task: Task = { name, work, next: new Int32Array(new SharedArrayBuffer(4)) };
    const answers = await Promise.all(this.#threads.map((thread) => thread.perform(task)));
    const results = new Map(answers.flatMap((answer) => [...answer]));
    return work.map((_, i) => results.get(i) as Result<K>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
    this.#threads = [];
  }
}

/** A worker thread that does one task after the other. */
class Thread implements AsyncDisposable {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url));
  readonly #pending: PromiseWithResolvers<ReadonlyMap<number, unknown>>[] = [];
  #failure: AlphapoError | undefined;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => {
      const task = this.#pending.shift();
      if ('error' in answer) task?.reject(failed(answer.error));
      else task?.resolve(answer.results);
    });
    this.#worker.on('error', (error) => this.#fail(messageOf(error)));
    this.#worker.on('exit', (code) => this.#fail(`it ended with exit code ${code}`));
  }

  perform(task: Task): Promise<ReadonlyMap<number, unknown>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const pending = Promise.withResolvers<ReadonlyMap<number, unknown>>();
    this.#pending.push(pending);
    this.#worker.postMessage(task);
    return pending.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(problem: string): void {
    this.#failure ??= failed(problem);
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
  }
}

function failed(problem: string): AlphapoError {
  return new AlphapoError('internal', 'THREAD_FAILED', `a thread of the optimizer's arithmetic failed: ${problem}`);
}
