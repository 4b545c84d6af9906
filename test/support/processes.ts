import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ALPHAPO = join(import.meta.dirname, '../../cli/bin/alphapo.js');
const EVENT_TIMEOUT_MS = 200_000;

/** An event that a service logged: its name and fields. */
export type ServiceEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export interface ServiceProcessOptions {
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Modules that are loaded before the program. */
  readonly preload?: readonly string[];
  /** Hears of each event as it is logged. */
  readonly onEvent?: (event: ServiceEvent) => void;
}

/** `alphapo …` as a process of its own, with the events that it logs. */
export class ServiceProcess implements AsyncDisposable {
  readonly events: ServiceEvent[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #output = '';

  constructor(args: readonly string[], options: ServiceProcessOptions = {}) {
    const imports = (options.preload ?? []).map((module) => `--import=${module}`);
    this.#child = spawn(process.execPath, [...imports, ALPHAPO, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    const killWithUs = () => this.#child.kill('SIGKILL');
    process.once('exit', killWithUs);
    this.#child.once('exit', () => {
      process.off('exit', killWithUs);
      this.#notify();
    });
    this.#child.stdout?.on('data', (chunk) => {
      this.#output += chunk;
    });
    createInterface({ input: this.#child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      const event = eventOf(line);
      if (event === undefined) this.#output += `${line}\n`;
      else {
        this.events.push(event);
        options.onEvent?.(event);
      }
      this.#notify();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What the process printed besides events. */
  get output(): string {
    return this.#output;
  }

  /** Waits for an event. Throws where the process ends, or minutes pass, without it. */
  async event(matches: (event: ServiceEvent) => boolean): Promise<ServiceEvent> {
    const until = performance.now() + EVENT_TIMEOUT_MS;
    for (;;) {
      const found = this.events.find(matches);
      if (found !== undefined) return found;
      if (this.hasEnded || performance.now() > until) {
        const last = JSON.stringify(this.events.slice(-3));
        throw new Error(`no such event; exit code ${this.#child.exitCode}; last: ${last}; ${this.#output}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 1000);
        const waiting = this.#waiting;
        function done() {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        }
        waiting.add(done);
      });
    }
  }

  /** The address that the service listens on. */
  async address(): Promise<string> {
    return (await this.event(({ event }) => event.endsWith('.started'))).address as string;
  }

  /** Whether the process has ended, by itself or by a signal. */
  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends a signal; nothing happens to a process that has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.hasEnded) this.#child.kill(signal);
  }

  /** Ends the process and waits for it; returns its exit code. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.signal(signal);
    return this.exited();
  }

  /** Waits for the process to end by itself. */
  async exited(): Promise<number | null> {
    if (!this.hasEnded) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  #notify(): void {
    for (const done of [...this.#waiting]) done();
  }
}

function eventOf(line: string): ServiceEvent | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
