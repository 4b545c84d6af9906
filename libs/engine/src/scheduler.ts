import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import type { ScoringStatistics, SequenceLogProbs } from './engine.ts';
import { Piecewise } from './piecewise.ts';
import type { Row, RowChoice } from './row.ts';
import { type Merging, ScoreQueue, type ScoreQueueOptions } from './score-queue.ts';
import { nextTurn, type Turn } from './turns.ts';
import type { YieldPoint } from './yield-point.ts';

/** How score calls share executions. */
export interface ScoringOptions {
  readonly merging: Merging;
  /** Longest time that a score call waits for others to be computed with it, in milliseconds. */
  readonly lingerMs: number;
}

export interface SchedulerOptions extends ScoringOptions, ScoreQueueOptions {
  /** Computes rows that fit into one pack. */
  readonly execute: (rows: readonly Row[], choice: RowChoice) => Promise<SequenceLogProbs[][]>;
  readonly onStatistics?: (statistics: ScoringStatistics) => void;
}

/** A score call under way: its rows' results as they come. */
interface Call {
  readonly rows: readonly Row[];
  readonly choice: RowChoice;
  readonly results: SequenceLogProbs[][];
  resolve(results: SequenceLogProbs[][]): void;
  reject(error: unknown): void;
}

/** Shares one thread among score calls, which are merged, and computations in pieces, which come one after the other. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #scores: ScoreQueue<Call>;
  readonly #piecewise: Piecewise[] = [];
  #lastTurn: 'scores' | 'piece' = 'piece';
  #expectedCalls = 1;
  #waitingSince: number | undefined;
  #running = false;
  /** Ends a wait for more calls. */
  #wake: () => void = () => {};
  readonly #statistics = { calls: 0, executions: 0, mergedExecutions: 0 };

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#scores = new ScoreQueue(options);
  }

  /** Scores rows, together with those of other calls. Rejects with the signal's reason as soon as it aborts. */
  score(rows: readonly Row[], choice: RowChoice, signal: AbortSignal): Promise<SequenceLogProbs[][]> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (rows.length === 0) return Promise.resolve([]);
    this.#statistics.calls++;
    const { promise, resolve, reject } = Promise.withResolvers<SequenceLogProbs[][]>();
    const call = { rows, choice, results: [], resolve, reject };
    const leave = () => {
      this.#scores.remove(call);
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#scores.add(call);
    this.#schedule();
    return promise.finally(() => signal.removeEventListener('abort', leave));
  }

  /** Runs a computation that lets others compute at its checkpoints; there it also stops when the signal aborts. */
  runInPieces<T>(compute: (yieldPoint: YieldPoint) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const computation = new Piecewise((pause) => {
      const yieldPoint = async () => {
        await pause();
        signal.throwIfAborted();
      };
      return compute(yieldPoint).then(resolve, reject);
    });
    const leave = () => {
      if (computation.hasBegun) return;
      this.#piecewise.splice(this.#piecewise.indexOf(computation), 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#piecewise.push(computation);
    this.#schedule();
    return promise.finally(() => signal.removeEventListener('abort', leave));
  }

  #schedule(): void {
    this.#wake();
    if (this.#running) return;
    this.#running = true;
    void this.#takeTurns();
  }

  async #takeTurns(): Promise<void> {
    for (;;) {
      // Calls and cancellations that came meanwhile are taken in.
      await nextTurnOfLoop();
      const turn = this.#nextTurn();
      if (turn.kind === 'nobody') break;
      if (turn.kind === 'wait') await this.#wait(turn.forMs);
      else {
        this.#lastTurn = turn.kind;
        this.#waitingSince = undefined;
        if (turn.kind === 'scores') await this.#execute();
        else await this.#piece();
      }
    }
    this.#running = false;
  }

  #nextTurn(): Turn {
    const now = performance.now();
    if (this.#scores.size > 0) this.#waitingSince ??= now;
    return nextTurn({
      lastTurn: this.#lastTurn,
      piecewise: this.#piecewise.length,
      scoreCalls: this.#scores.size,
      expectedCalls: this.#expectedCalls,
      isFull: this.#scores.isFull,
      waitedMs: now - (this.#waitingSince ?? now),
      lingerMs: this.#options.lingerMs,
    });
  }

  #wait(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, forMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #piece(): Promise<void> {
    const [computation] = this.#piecewise;
    if ((await computation?.turn()) === 'ended') this.#piecewise.shift();
  }

  async #execute(): Promise<void> {
    this.#expectedCalls = this.#scores.size;
    const shares = this.#scores.take();
    const [first] = shares;
    if (first === undefined) return;
    this.#statistics.executions++;
    if (shares.length > 1) this.#statistics.mergedExecutions++;
    this.#options.onStatistics?.({ ...this.#statistics });
    try {
      const rows = shares.flatMap((share) => share.rows);
      const results = await this.#options.execute(rows, first.call.choice);
      for (const { call, rows: own } of shares) {
        call.results.push(...results.splice(0, own.length));
        if (call.results.length === call.rows.length) call.resolve(call.results);
      }
    } catch (error) {
      for (const { call } of shares) {
        this.#scores.remove(call);
        call.reject(error);
      }
    }
  }
}
