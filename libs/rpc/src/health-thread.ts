import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { AlphapoError } from '@alphapo/base';
import type { HealthTask, HealthWorkerMessage } from './health-worker.ts';
import type { ServerLimits } from './limits.ts';

/** A main thread that is silent for so long hangs: its turns take milliseconds, or a second at worst. */
const STALLED_MS = 15_000;
const BEATS = 15;
/** Sockets and calls are few: what the thread keeps is small, and its heap has no reason to grow. */
const HEAP_MB = 32;
const RESTART_MS = 1_000;

/**
 * Health checks in plaintext, answered by a thread of their own: however many calls wait for the main thread, whoever asks has an
 * answer at once. The main thread gives it signs of life; without any for a while it says NOT_SERVING.
 */
export class HealthThread implements Disposable {
  readonly #task: HealthTask;
  readonly #beating: NodeJS.Timeout;
  #worker: Worker;
  #serving = true;
  #closed = false;

  private constructor(task: HealthTask, worker: Worker) {
    this.#task = task;
    this.#worker = this.#followed(worker);
    this.#beating = setInterval(() => Atomics.add(task.beats, 0, 1), task.stalledMs / BEATS).unref();
  }

  /** Errors: those of listening on the address. */
  static async open(
    address: string,
    services: readonly string[],
    limits: ServerLimits,
    stalledMs = STALLED_MS,
  ): Promise<HealthThread> {
    const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const task: HealthTask = { address, services, limits, beats, stalledMs };
    const started = await start(task);
    return new HealthThread({ ...task, address: started.address }, started.worker);
  }

  /** Host and port. */
  get address(): string {
    return this.#task.address;
  }

  setServing(serving: boolean): void {
    this.#serving = serving;
    this.#worker.postMessage(serving);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearInterval(this.#beating);
    void this.#worker.terminate();
  }

  #followed(worker: Worker): Worker {
    worker.unref();
    // What ends it is no reason to end the service; its end follows.
    worker.on('error', () => {});
    worker.once('exit', () => void this.#startAgain());
    return worker;
  }

  async #startAgain(): Promise<void> {
    while (!this.#closed) {
      try {
        const { worker } = await start(this.#task);
        this.#worker = this.#followed(worker);
        if (this.#closed) await worker.terminate();
        else this.setServing(this.#serving);
        return;
      } catch {
        await sleep(RESTART_MS, undefined, { ref: false });
      }
    }
  }
}

/** A thread that listens. Errors: those of listening. */
async function start(task: HealthTask): Promise<{ readonly worker: Worker; readonly address: string }> {
  const worker = new Worker(new URL('./health-worker.ts', import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  const ended = once(worker, 'exit').then(() => {
    throw new AlphapoError('unavailable', 'CANNOT_LISTEN', `the thread for health checks on ${task.address} ended`);
  });
  const [message] = (await Promise.race([once(worker, 'message'), ended])) as [HealthWorkerMessage];
  if ('address' in message) return { worker, address: message.address };
  await worker.terminate();
  const { code, reason, text } = message.refused;
  throw new AlphapoError(code, reason, text);
}
