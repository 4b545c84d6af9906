import { readFileSync } from 'node:fs';

/** Resident memory of processes with their children, sampled while they work. */

const EVERY_MS = 500;
const MB = 1e6;
const KIB = 1024;

export interface MemoryCourse {
  readonly firstMb: number;
  readonly lastMb: number;
  readonly peakMb: number;
  /** By which it grew from the second quarter of the time to the last, and the slope of the second half. */
  readonly grownMb: number;
  readonly slopeMbPerMinute: number;
}

interface Sample {
  readonly seconds: number;
  readonly mb: number;
}

export class MemorySampler implements Disposable {
  readonly #samples = new Map<string, Sample[]>();
  readonly #timer: NodeJS.Timeout;

  constructor(pids: Readonly<Record<string, number>>) {
    const started = performance.now();
    this.#timer = setInterval(() => {
      for (const [name, pid] of Object.entries(pids)) {
        const samples = this.#samples.get(name) ?? [];
        samples.push({ seconds: (performance.now() - started) / 1000, mb: processMemoryMb(pid, 'now') });
        this.#samples.set(name, samples);
      }
    }, EVERY_MS);
  }

  courses(): Record<string, MemoryCourse> {
    return Object.fromEntries([...this.#samples].map(([name, samples]) => [name, courseOf(samples)]));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function courseOf(samples: readonly Sample[]): MemoryCourse {
  const quarter = (index: number) => {
    const part = samples.slice(
      Math.floor((samples.length * index) / 4),
      Math.floor((samples.length * (index + 1)) / 4),
    );
    return mean(part.map(({ mb }) => mb));
  };
  const half = samples.slice(Math.floor(samples.length / 2));
  return {
    firstMb: samples[0]?.mb ?? Number.NaN,
    lastMb: samples.at(-1)?.mb ?? Number.NaN,
    peakMb: Math.max(...samples.map(({ mb }) => mb)),
    grownMb: quarter(3) - quarter(1),
    slopeMbPerMinute: 60 * slope(half),
  };
}

/** Of the line with the least squares. */
function slope(samples: readonly Sample[]): number {
  const [x, y] = [mean(samples.map(({ seconds }) => seconds)), mean(samples.map(({ mb }) => mb))];
  const over = samples.reduce((sum, { seconds, mb }) => sum + (seconds - x) * (mb - y), 0);
  return over / samples.reduce((sum, { seconds }) => sum + (seconds - x) ** 2, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Names of resident memory, as Linux has them. */
const RESIDENT = { now: /VmRSS:\s+(\d+) kB/, peak: /VmHWM:\s+(\d+) kB/ };

/** Resident memory of a process and its children, now or at each one's peak, in MB; 0 of one that has ended. */
export function processMemoryMb(pid: number, when: keyof typeof RESIDENT): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const own = (Number(RESIDENT[when].exec(status)?.[1] ?? 0) * KIB) / MB;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return children
      .split(' ')
      .reduce((sum, child) => sum + (child === '' ? 0 : processMemoryMb(Number(child), when)), own);
  } catch {
    return 0;
  }
}
