import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AlphapoError } from '@alphapo/base';
import type { HealthTask, HealthWorkerMessage } from './health-worker.ts';
import type { ServerLimits } from './limits.ts';

/** A main thread that is silent for so long hangs: its turns take milliseconds, or a second at worst. */
const STALLED_MS = 15_000;
const BEATS = 15;
/** Sockets and calls are few: what the thread keeps is small, and its heap has no reason to grow. */
const HEAP_MB = 32;

/**
 * Health checks in plaintext, answered by a thread of their own: however many calls wait for the main thread, whoever asks has an
 * answer at once. The main thread gives it signs of life; without any for a while it says NOT_SERVING.
 */
export class HealthThread implements Disposable {
  /** Host and port. */
  readonly address: string;
  readonly #worker: Worker;
  readonly #beating: NodeJS.Timeout;

  private constructor(address: string, worker: Worker, { beats, stalledMs }: HealthTask) {
    this.address = address;
    this.#worker = worker;
    this.#beating = setInterval(() => Atomics.add(beats, 0, 1), stalledMs / BEATS).unref();
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
    const worker = new Worker(new URL('./health-worker.ts', import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    const [message] = (await once(worker, 'message')) as [HealthWorkerMessage];
    if ('refused' in message) {
      await worker.terminate();
      const { code, reason, text } = message.refused;
      throw new AlphapoError(code, reason, text);
    }
    worker.unref();
    return new HealthThread(message.address, worker, task);
  }

  setServing(serving: boolean): void {
    this.#worker.postMessage(serving);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beating);
    void this.#worker.terminate();
  }
}
