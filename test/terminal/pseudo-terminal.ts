import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Screen } from './screen.ts';

/** Whether this machine has the program that gives others a terminal (util-linux). */
export const hasPseudoTerminals = /util-linux/.test(
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '',
);

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** A program in a pseudo-terminal, and what stands on its screen. */
export class PseudoTerminal implements AsyncDisposable {
  readonly screen: Screen;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #written = '';

  constructor(command: readonly string[], columns: number, environment: Readonly<Record<string, string>> = {}) {
    this.screen = new Screen(columns);
    const inside = `stty cols ${columns} rows 24; exec ${command.map(quoted).join(' ')}`;
    this.#child = spawn('script', ['--quiet', '--flush', '--return', '--command', inside, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm-256color', SHELL: '/bin/sh', ...environment },
    });
    this.#ended = once(this.#child, 'close');
    this.#child.stdout?.on('data', (data: Buffer) => {
      this.#written += data;
      this.screen.write(data);
    });
  }

  /** All that was written, with what moves the cursor. */
  get written(): string {
    return this.#written;
  }

  /** Types keys, such as `\u0003` for Ctrl-C. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits for the end of the program; returns its exit code. */
  async exited(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Waits until the program has written something. */
  async wrote(text: string | RegExp): Promise<void> {
    const matches = () => (typeof text === 'string' ? this.#written.includes(text) : text.test(this.#written));
    while (!matches()) {
      if (this.#child.exitCode !== null) throw new Error(`ended without ${text}: ${this.#written}`);
      await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.#ended]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
