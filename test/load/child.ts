import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A script of this folder as a process: it is given its task, works until it is told to stop, and then says its result. */
export class Child<Task extends object, Result> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #begun: Promise<unknown>;

  constructor(script: string, task: Task) {
    this.#child = fork(join(import.meta.dirname, script), {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
    });
    this.#begun = once(this.#child, 'message');
    // Whoever waits for it hears of a failure; so does `stop`.
    this.#begun.catch(() => {});
    this.#child.send(task);
  }

  /** Resolves when the process has its task: on a busy machine its start takes seconds. */
  async begun(): Promise<void> {
    await Promise.race([this.#begun, once(this.#child, 'exit')]);
  }

  async stop(): Promise<Result> {
    await this.begun();
    const said = Promise.race([once(this.#child, 'message'), once(this.#child, 'exit')]);
    this.#child.send('stop');
    const [result] = await said;
    if (typeof result !== 'object') throw new Error(`${this.#child.spawnargs[2]} ended without a result`);
    return result as Result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** The other side of `Child`: does the task until the signal, says the result, and ends. */
export async function performTask<Task, Result>(
  perform: (task: Task, stop: AbortSignal) => Promise<Result>,
): Promise<void> {
  const [task] = (await once(process, 'message')) as [Task];
  const stop = new AbortController();
  process.on('message', () => stop.abort());
  process.on('disconnect', () => process.exit());
  process.send?.('begun');
  const result = await perform(task, stop.signal);
  process.send?.(result as object, () => process.exit());
}
