import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceEvent, ServiceProcess, type ServiceProcessOptions } from '../support/processes.ts';

/** As Kubernetes backs off from a container that ends again and again, some twenty times faster. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;
/** A process that ran this long starts again at once the next time. */
const STABLE_MS = 20_000;

/** An end of a process that was not asked for. */
export interface UnexpectedEnd {
  readonly service: string;
  readonly atMs: number;
  readonly exitCode: number | null;
  /** Of the error that it logged, where it did. */
  readonly code: string | undefined;
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

export interface SupervisedOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly process: ServiceProcessOptions;
  readonly onEnd: (end: UnexpectedEnd) => void;
}

/** A service that is started again whenever it ends, with a growing pause. */
export class SupervisedService implements AsyncDisposable {
  readonly #options: SupervisedOptions;
  readonly #stopping = new AbortController();
  readonly #supervising: Promise<void>;
  #current: ServiceProcess;
  #restarts = 0;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#current = this.#start();
    this.#supervising = this.#supervise();
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** The process that runs now, or did last. */
  get current(): ServiceProcess {
    return this.#current;
  }

  /** Gives the running process out of supervision: nothing is started in its place, and ending it is the caller's. */
  async abandon(): Promise<ServiceProcess> {
    this.#stopping.abort();
    await this.#supervising;
    return this.#current;
  }

  /** Asks the service to end and waits for it; its exit code. */
  async stop(): Promise<number | null> {
    return (await this.abandon()).stop('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.abandon()).stop('SIGKILL');
  }

  #start(): ServiceProcess {
    return new ServiceProcess(this.#options.args, this.#options.process);
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stopping;
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted) {
      const started = performance.now();
      await Promise.race([this.#current.exited(), stopped]);
      if (signal.aborted) return;
      this.#options.onEnd(await this.#ended());
      if (performance.now() - started > STABLE_MS) backoffMs = FIRST_BACKOFF_MS;
      await sleep(backoffMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS);
      this.#restarts++;
      this.#current = this.#start();
    }
  }

  async #ended(): Promise<UnexpectedEnd> {
    const exitCode = await this.#current.exited();
    const failure = this.#current.events.findLast(({ event }) => event === 'process.failed') as
      | FailureEvent
      | undefined;
    const last = this.#current.output.trim().split('\n').slice(-15).join('\n');
    return {
      service: this.#options.name,
      atMs: performance.now(),
      exitCode,
      code: failure?.error?.code,
      reason: failure?.error?.reason,
      message: failure?.error?.message ?? (exitCode === null || last === '' ? undefined : last),
    };
  }
}

interface FailureEvent extends ServiceEvent {
  readonly error?: { readonly code?: string; readonly reason?: string; readonly message?: string };
}
