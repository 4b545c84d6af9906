import { readFileSync } from 'node:fs';

/** Memory of processes, sampled while they work. */

const EVERY_MS = 500;
const MB = 1e6;
const KIB = 1024;

/** A process, and where it serves its metrics. */
interface Sampled {
  readonly pid: number;
  readonly metrics: string;
}

export interface MemoryCourse {
  /** Resident memory, that of children included. */
  readonly firstMb: number;
  readonly lastMb: number;
  readonly peakMb: number;
  /** By which resident memory grew from the second quarter of the time to the last. */
  readonly grownMb: number;
  /**
   * What JavaScript keeps: the least that was in use, buffers included, in the second quarter of the time and in the last. In between a
   * heap fills up with what is not needed any more.
   */
  readonly keptMb: { readonly before: number; readonly after: number };
}

interface Sample {
  readonly residentMb: number;
  /** Undefined where the process did not say. */
  readonly inUseMb: number | undefined;
}

export class MemorySampler implements Disposable {
  readonly #samples = new Map<string, Sample[]>();
  readonly #timer: NodeJS.Timeout;

  constructor(processes: Readonly<Record<string, Sampled>>) {
    for (const name of Object.keys(processes)) this.#samples.set(name, []);
    this.#timer = setInterval(() => {
      for (const [name, process] of Object.entries(processes)) void this.#sample(name, process);
    }, EVERY_MS);
  }

  courses(): Record<string, MemoryCourse> {
    return Object.fromEntries([...this.#samples].map(([name, samples]) => [name, courseOf(samples)]));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #sample(name: string, { pid, metrics }: Sampled): Promise<void> {
    const inUseMb = await inUse(metrics).catch(() => undefined);
    this.#samples.get(name)?.push({ residentMb: processMemoryMb(pid, 'now'), inUseMb });
  }
}

function courseOf(samples: readonly Sample[]): MemoryCourse {
  const quarter = (index: number) =>
    samples.slice(Math.floor((samples.length * index) / 4), Math.floor((samples.length * (index + 1)) / 4));
  const resident = (some: readonly Sample[]) => some.map(({ residentMb }) => residentMb);
  const kept = (some: readonly Sample[]) => Math.min(...some.flatMap(({ inUseMb }) => inUseMb ?? []));
  return {
    firstMb: samples[0]?.residentMb ?? Number.NaN,
    lastMb: samples.at(-1)?.residentMb ?? Number.NaN,
    peakMb: Math.max(...resident(samples)),
    grownMb: mean(resident(quarter(3))) - mean(resident(quarter(1))),
    keptMb: { before: kept(quarter(1)), after: kept(quarter(3)) },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Heap and buffers in use, as Prometheus' client for Node.js tells it. */
async function inUse(metrics: string): Promise<number> {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return (value('nodejs_heap_size_used_bytes') + value('nodejs_external_memory_bytes')) / MB;
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
