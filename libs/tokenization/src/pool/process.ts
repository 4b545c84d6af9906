import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AlphapoError, fromWireError } from '@alphapo/base';
import type { TokenizerDescription, TokenizerOptions } from '../tokenizer.ts';
import type { JobName, Stage } from './jobs.ts';
import { type ProcessLimits, ProcessStopped } from './limits.ts';
import { processorSeconds } from './processor-time.ts';
import type { FromWorker, JobMessage, Outcome, ToWorker } from './protocol.ts';

const WORKER = fileURLToPath(new URL('../worker.ts', import.meta.url));
/** How often a busy process is checked. */
const LOOK_MS = 250;
/** Characters of a failed process's output that the error shows. */
const COMPLAINT_CHARACTERS = 2_000;

/** A child process with its own tokenizer. It runs one job at a time, and cannot be used after a stopped job. */
export class TokenizerProcess implements AsyncDisposable {
  readonly description: TokenizerDescription;
  readonly #child: ChildProcess;
  readonly #limits: ProcessLimits;

  private constructor(child: ChildProcess, limits: ProcessLimits, description: TokenizerDescription) {
    this.#child = child;
    this.#limits = limits;
    this.description = description;
  }

  /** Errors: those of `openTokenizer`; TOKENIZER_INVALID where it does not fit the limits, TOKENIZER_FAILED. */
  static async open(folder: string, options: TokenizerOptions, limits: ProcessLimits): Promise<TokenizerProcess> {
    const child = fork(WORKER, [String(process.pid)], {
      execArgv: [`--max-old-space-size=${limits.heapMb}`],
      // Without this process's secrets.
      env: compileCache(process.env),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const killWithUs = () => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    try {
      const [opened] = await converse(child, { folder, options }, limits, (message) =>
        'opened' in message ? [message.opened] : undefined,
      );
      if (opened === undefined || 'error' in opened) throw opened && fromWireError(opened.error);
      return new TokenizerProcess(child, limits, opened.result as TokenizerDescription);
    } catch (error) {
      await end(child);
      if (!(error instanceof ProcessStopped)) throw error;
      const problem = `opening its tokenizer ${error.message}`;
      throw new AlphapoError('failed-precondition', 'TOKENIZER_INVALID', `${folder}: ${problem}`, { cause: error });
    }
  }

  /** The outcome of each item. Errors: ProcessStopped; TOKENIZER_FAILED where the process broke outside of an item. */
  async run<K extends JobName>(job: JobMessage<K>): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    try {
      return await converse(this.#child, job, this.#limits, (message) => {
        if ('outcome' in message) outcomes.push(message.outcome);
        return outcomes.length === job.items.length ? outcomes : undefined;
      });
    } catch (error) {
      await end(this.#child);
      if (error instanceof ProcessStopped) error.outcomes = outcomes;
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#child);
  }
}

/** Where Node.js keeps compiled sources: the process starts in half the time. */
function compileCache({ NODE_COMPILE_CACHE }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Sends a message and passes replies to `heard` until it returns a value, or the process ends or exceeds its limits. */
function converse<T>(
  child: ChildProcess,
  message: ToWorker,
  limits: ProcessLimits,
  heard: (answer: FromWorker) => T | undefined,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const watch = new Watch(child, limits, reject);
  let complaint = '';
  const onMessage = (answer: FromWorker) => {
    watch.moved('stage' in answer ? answer.stage : undefined);
    const result = heard(answer);
    if (result !== undefined) resolve(result);
  };
  const onComplaint = (chunk: Buffer) => {
    complaint = (complaint + chunk).slice(-COMPLAINT_CHARACTERS);
  };
  const onError = (error: Error) => reject(failed(error.message));
  // When the channel is closed, all messages that the process sent have arrived.
  const onDisconnect = async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const { exitCode, signalCode } = child;
    const isCrash = signalCode !== null || (exitCode ?? 0) > 128;
    if (isCrash) reject(new ProcessStopped(watch.stage, `ended its process (${signalCode ?? exitCode})`, 'memory'));
    else reject(failed(`it ended with exit code ${exitCode}: ${complaint}`));
  };
  child.on('message', onMessage).once('error', onError).once('disconnect', onDisconnect);
  child.stderr?.on('data', onComplaint);
  if (child.connected) child.send(message, (error) => error && !child.connected && void onDisconnect());
  else void onDisconnect();
  return promise.finally(() => {
    watch[Symbol.dispose]();
    child.off('message', onMessage).off('error', onError).off('disconnect', onDisconnect);
    child.stderr?.off('data', onComplaint);
  });
}

/**
 * Watches the progress of a process. While it stays at the same item and stage, its CPU time counts from the first check that saw them:
 * a process that was suspended or did not get a core has used none.
 */
class Watch implements Disposable {
  stage: Stage = 'encode';
  #changes = 0;
  #seen: { readonly changes: number; readonly seconds: number } | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(child: ChildProcess, limits: ProcessLimits, stop: (error: ProcessStopped) => void) {
    this.#timer = setInterval(() => {
      const seconds = processorSeconds(child.pid ?? 0);
      if (this.#seen?.changes !== this.#changes) this.#seen = { changes: this.#changes, seconds };
      const limit = limits.cpuSeconds[this.stage];
      if (seconds - this.#seen.seconds <= limit) return;
      stop(new ProcessStopped(this.stage, `took more than ${limit} s of CPU time`, 'time'));
    }, LOOK_MS);
  }

  /** Called when the process has finished an item or a stage. */
  moved(stage: Stage | undefined): void {
    this.#changes++;
    if (stage !== undefined) this.stage = stage;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function failed(problem: string): AlphapoError {
  return new AlphapoError('internal', 'TOKENIZER_FAILED', `the tokenizer's process failed: ${problem}`);
}
