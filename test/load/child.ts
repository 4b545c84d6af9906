import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A script of this folder as a process: it is given its task, works until it is told to stop, and then says its result. */
export class Child<Task extends object, Result> implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(script: string, task: Task) {
    this.#child = fork(join(import.meta.dirname, script), {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
    });
    this.#child.send(task);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async stop(): Promise<Result> {
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
  const result = await perform(task, stop.signal);
  process.send?.(result as object, () => process.exit());
}
