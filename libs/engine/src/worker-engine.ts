import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AlphapoError, fromWireError } from '@alphapo/base';
import type { Dtype, ExecutionProvider } from '@alphapo/contracts';
import { batchTotals } from './batch-totals.ts';
import type { ComputeOptions } from './compute.ts';
import type { Engine, ModelDescription, ScoringStatistics } from './engine.ts';
import { Continuations } from './generation/continuations.ts';
import type { Continuation, GeneratedToken } from './generation/sequence.ts';
import { prepareProcess } from './providers.ts';
import type { ScoringOptions } from './scheduler.ts';
import type { CallName, Calls, FromWorker, WorkerData } from './worker-protocol.ts';

interface PendingCall {
  /** Hears of the tokens that a call has generated. */
  readonly onTokens: ((tokens: readonly GeneratedToken[], finish: (sequence: number) => void) => void) | undefined;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Score calls are merged; two milliseconds are little beside an execution, and enough for clients that answer at once. */
export const DEFAULT_SCORING: ScoringOptions = { merging: 'on', lingerMs: 2 };

/** Some twenty thousand tokens of a model with 135 million parameters. */
const DEFAULT_CACHE_BYTES = 2 ** 30;

export interface EngineOptions {
  readonly executionProvider: ExecutionProvider;
  /** Element type of frozen weights and activations; float32 where absent. */
  readonly dtype?: Dtype | undefined;
  /** All cores where absent. */
  readonly threads?: number | undefined;
  /** Folder of the model that objectives with a reference compare with; absent: the model itself, without any training. */
  readonly referenceModel?: string | undefined;
  readonly scoring?: ScoringOptions | undefined;
  /** Memory for the keys and values of continuations under the same weights, in bytes; further ones wait. */
  readonly cacheBytes?: number | undefined;
}

/**
 * Opens a Hugging Face model folder for computing in a worker thread of its own.
 *
 * Errors: MODEL_NOT_FOUND, MODEL_CONFIG, PARAMETER_MISSING, REFERENCE_VOCABULARY and others that name the file and the field;
 * DEVICE_NOT_AVAILABLE with what the machine lacks, DTYPE_NOT_AVAILABLE.
 */
export async function openEngine(
  folder: string,
  {
    executionProvider,
    dtype,
    threads = availableParallelism(),
    referenceModel,
    scoring = DEFAULT_SCORING,
    cacheBytes = DEFAULT_CACHE_BYTES,
  }: EngineOptions,
): Promise<Engine> {
  prepareProcess(executionProvider);
  const options: ComputeOptions = { executionProvider, dtype, threads };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { folder, referenceModel, options, scoring, cacheBytes } satisfies WorkerData,
  });
  const calls = new WorkerCalls(worker);
  try {
    return new WorkerEngine(calls, await calls.call('describe', []));
  } catch (error) {
    await calls.close();
    throw error;
  }
}

/** Calls to a worker, matched with their answers. */
class WorkerCalls {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 1;
  readonly #stopping = new AbortController();
  #scoring: ScoringStatistics = { calls: 0, executions: 0, mergedExecutions: 0 };

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => this.#settle(message));
    worker.on('error', (error) => this.#stop(`failed: ${error.message}`));
    worker.on('exit', (code) => this.#stop(`ended with exit code ${code}`));
  }

  get stopped(): AbortSignal {
    return this.#stopping.signal;
  }

  /** As of the last answer. */
  get scoring(): ScoringStatistics {
    return this.#scoring;
  }

  call<K extends CallName>(
    name: K,
    given: Calls[K]['arguments'],
    options: {
      signal?: AbortSignal | undefined;
      transfer?: readonly ArrayBuffer[];
      onTokens?: PendingCall['onTokens'];
    } = {},
  ): Promise<Calls[K]['result']> {
    const { signal, transfer = [], onTokens } = options;
    if (this.stopped.aborted) return Promise.reject(this.stopped.reason);
    if (signal?.aborted) return Promise.reject(cancelled());
    const id = this.#nextId++;
    const cancel = () => this.#worker.postMessage({ cancel: id });
    return new Promise<Calls[K]['result']>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject, onTokens });
      this.#worker.postMessage({ id, name, arguments: given }, transfer);
      signal?.addEventListener('abort', cancel, { once: true });
    }).finally(() => signal?.removeEventListener('abort', cancel));
  }

  /** Lets the worker end by itself: one that is ended inside ONNX Runtime takes the process with it. */
  async close(): Promise<void> {
    if (this.stopped.aborted) return;
    const exited = once(this.#worker, 'exit');
    await this.call('close', []).catch(() => this.#worker.terminate());
    await exited;
  }

  #settle(message: FromWorker): void {
    if ('scoring' in message) {
      this.#scoring = message.scoring;
      return;
    }
    const call = this.#pending.get(message.id);
    if ('tokens' in message) {
      call?.onTokens?.(message.tokens, (sequence) => this.#worker.postMessage({ finish: message.id, sequence }));
      return;
    }
    this.#pending.delete(message.id);
    if ('error' in message) call?.reject(fromWireError(message.error));
    else call?.resolve(message.result);
  }

  #stop(problem: string): void {
    this.#stopping.abort(new AlphapoError('unavailable', 'ENGINE_STOPPED', `the engine's thread ${problem}`));
    for (const call of this.#pending.values()) call.reject(this.stopped.reason);
    this.#pending.clear();
  }
}

function cancelled(): AlphapoError {
  return new AlphapoError('cancelled', 'CANCELLED', 'the caller canceled the computation');
}

class WorkerEngine implements Engine {
  readonly model: ModelDescription;
  readonly #calls: WorkerCalls;
  readonly #policies = new Set<string>();

  constructor(calls: WorkerCalls, model: ModelDescription) {
    this.#calls = calls;
    this.model = model;
  }

  get scoring(): ScoringStatistics {
    return this.#calls.scoring;
  }

  get stopped(): AbortSignal {
    return this.#calls.stopped;
  }

  hasPolicy(digest: string): boolean {
    return this.#policies.has(digest);
  }

  async loadPolicy({ digest, method, tensors }: Parameters<Engine['loadPolicy']>[0]): Promise<void> {
    const transfer = [...new Set([...tensors.values()].map(({ data }) => data.buffer as ArrayBuffer))];
    const gone = await this.#calls.call('loadPolicy', [digest, method, tensors], { transfer });
    this.#policies.add(digest);
    for (const old of gone) this.#policies.delete(old);
  }

  score(...[sequences, choice, options]: Parameters<Engine['score']>) {
    return this.#calls.call('score', [sequences, choice], { signal: options?.signal });
  }

  scorePairs(...[pairs, choice, options]: Parameters<Engine['scorePairs']>) {
    const { objective, batch = batchTotals(pairs), signal } = options ?? {};
    return this.#calls.call('scorePairs', [pairs, choice, objective && { objective, batch }], { signal });
  }

  gradient(...[request, options]: Parameters<Engine['gradient']>) {
    return this.#calls.call('gradient', [request], { signal: options?.signal });
  }

  tokenScores(...[sequences, choice, options]: Parameters<Engine['tokenScores']>) {
    const { top = 0, signal } = options ?? {};
    return this.#calls.call('tokenScores', [sequences, choice, top], { signal });
  }

  async generate(...[request, choice, options]: Parameters<Engine['generate']>): Promise<readonly Continuation[]> {
    const { onToken = () => 'continue', signal } = options ?? {};
    const continuations = new Continuations(request.prompts.length * request.continuations);
    await this.#calls.call('generate', [request, choice], {
      signal,
      onTokens: (tokens, finish) => {
        for (const token of tokens) {
          if (!continuations.take(token) || onToken(token) === 'continue' || token.finish !== undefined) continue;
          continuations.stop(token.sequence);
          finish(token.sequence);
        }
      },
    });
    return continuations.all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls.close();
  }
}
