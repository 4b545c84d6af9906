import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '@alphapo/messaging';
import { ServiceProcess } from '../support/processes.ts';
import type { Progress } from './progress.ts';
import type { DataLine } from './records.ts';

const RETRY_MS = 500;
/** About when a process begins to send. */
const KILL_AFTER_MS = 700;

export interface PacedProducerOptions {
  readonly folder: string;
  readonly brokers: string;
  readonly topic: string;
  readonly lines: readonly DataLine[];
  readonly batchPairs: number;
  /** Pairs that are sent at once; the next ones are sent when the run has begun with those sent last. */
  readonly portionPairs: number;
  readonly progress: Progress;
  /** A log that no fault disturbs but those of the broker. */
  readonly log: EventLog;
}

/**
 * The application: sends the data portion by portion as training comes along, with `alphapo produce`. When that fails or
 * is killed, it looks up how much has arrived and sends the rest.
 */
export class PacedProducer {
  readonly #options: PacedProducerOptions;
  #current: ServiceProcess | undefined;
  /** Kills the next process at its start. */
  #killNext: (() => void) | undefined;

  constructor(options: PacedProducerOptions) {
    this.#options = options;
  }

  /** Kills the process that sends, or the next one while it starts. Resolves when it is done. */
  async killNext(): Promise<void> {
    if (this.#current !== undefined && !this.#current.hasEnded) {
      this.#current.signal('SIGKILL');
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#killNext = resolve;
    await promise;
  }

  /** Sends everything, and the end of the data. Rejects with the signal's reason. */
  async send(signal: AbortSignal): Promise<void> {
    const { lines, batchPairs, portionPairs, progress } = this.#options;
    let pairs = 0;
    let from = 0;
    for (let i = 0; i < lines.length; i++) {
      if (lines[i]?.good) pairs++;
      const last = i === lines.length - 1;
      if (!last && !(lines[i]?.good && pairs % portionPairs === 0)) continue;
      await this.#sendPortion(from, i + 1, last, signal);
      from = i + 1;
      if (!last) await progress.reached((pairs - portionPairs) / batchPairs + 1, signal);
    }
  }

  async #sendPortion(from: number, to: number, end: boolean, signal: AbortSignal): Promise<void> {
    const { folder, brokers, topic, lines } = this.#options;
    const until = to + (end ? 1 : 0);
    const before = await this.#arrived(signal);
    for (let sent = from; sent < until; sent = from + (await this.#arrived(signal)) - before) {
      signal.throwIfAborted();
      const file = join(folder, `portion-${from}.jsonl`);
      await writeFile(file, Buffer.concat(lines.slice(sent, to).flatMap(({ bytes }) => [bytes, NEWLINE])));
      const ending = end ? ['--end'] : [];
      await using process = new ServiceProcess([
        ...['produce', '--brokers', brokers, '--topic', topic, '--data', file, ...ending],
      ]);
      this.#current = process;
      const kill = () => process.signal('SIGKILL');
      signal.addEventListener('abort', kill, { once: true });
      const killed = this.#killNext;
      this.#killNext = undefined;
      if (killed !== undefined) void sleep(KILL_AFTER_MS).then(kill).then(killed);
      const failed = (await process.exited()) !== 0;
      signal.removeEventListener('abort', kill);
      // What was under way may still arrive.
      if (failed) await sleep(RETRY_MS);
    }
  }

  /** Records in the topic. Its offsets are dense: no transaction writes to it. */
  async #arrived(signal: AbortSignal): Promise<number> {
    const { log, topic } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      try {
        const { first, next } = await log.bounds(topic, 0);
        return Number(next - first);
      } catch {
        await sleep(RETRY_MS);
      }
    }
  }
}

const NEWLINE = Buffer.from('\n');
