import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ReaderName } from './readers.ts';

/** What a reader is asked for. */
export interface Attempt {
  readonly reader: ReaderName;
  readonly folder: string;
}

/** What came of it. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly detail: string }
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly reason: string;
      readonly message: string;
      readonly metadataLength: number;
    }
  /** It accepted something that breaks what it promises. */
  | { readonly kind: 'broken'; readonly message: string }
  /** It threw something that is no AlphapoError. */
  | { readonly kind: 'leaked'; readonly message: string }
  | { readonly kind: 'hung'; readonly message: string }
  | { readonly kind: 'died'; readonly message: string };

export interface Observation {
  readonly outcome: Outcome;
  readonly milliseconds: number;
  /** The most memory that the reading process has had so far. */
  readonly peakBytes: number;
}

export interface Limits {
  readonly milliseconds: number;
  readonly heapMegabytes: number;
}

const LAST_WORDS = 2_000;

/** A process of its own in which readers are called, started anew whenever one has hung or died. */
export class ReaderSandbox implements AsyncDisposable {
  readonly #limits: Limits;
  #child: { process: ChildProcess; stderr: () => string } | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  async read(attempt: Attempt): Promise<Observation> {
    const { process: child, stderr } = await this.#running();
    const stop = new AbortController();
    const { signal } = stop;
    const timer = setTimeout(() => stop.abort(), this.#limits.milliseconds);
    const answered = once(child, 'message', { signal });
    const exited = once(child, 'exit', { signal });
    exited.catch(() => {});
    answered.catch(() => {});
    child.send(attempt);
    try {
      const first = await Promise.race([answered, exited.then(([code, by]) => ({ code, by }))]);
      if (Array.isArray(first)) return first[0] as Observation;
      await this.restart();
      const message = `exit code ${first.code}, signal ${first.by}: ${stderr().slice(-LAST_WORDS)}`;
      return { outcome: { kind: 'died', message }, milliseconds: 0, peakBytes: 0 };
    } catch (error) {
      if (!signal.aborted) throw error;
      await this.restart();
      const message = `no answer within ${this.#limits.milliseconds} ms`;
      return { outcome: { kind: 'hung', message }, milliseconds: this.#limits.milliseconds, peakBytes: 0 };
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  /** Ends the process; the next reading starts another one. */
  async restart(): Promise<void> {
    const child = this.#child?.process;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #running() {
    if (this.#child !== undefined) return this.#child;
    const child = fork(join(import.meta.dirname, 'reader-process.ts'), {
      execArgv: [`--max-old-space-size=${this.#limits.heapMegabytes}`, '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr?.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-2 * LAST_WORDS);
    });
    const started = once(child, 'message');
    const failed = once(child, 'exit').then(() => {
      throw new Error(`the reading process did not start: ${said}`);
    });
    failed.catch(() => {});
    await Promise.race([started, failed]);
    this.#child = { process: child, stderr: () => said };
    return this.#child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.restart();
  }
}
