/** Latencies of calls in milliseconds, and how many were made in a second. */
export interface Load {
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Clients that each make one call after the other as long as `goesOn` says so. */
export async function clientsInALoop(
  clients: number,
  goesOn: () => boolean,
  call: (count: number) => Promise<unknown>,
): Promise<Load> {
  const latencies: number[] = [];
  const started = performance.now();
  let count = 0;
  const client = async () => {
    while (goesOn()) {
      const from = performance.now();
      await call(count++);
      latencies.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - started) / 1000;
  return {
    calls: latencies.length,
    callsPerSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

/** Says yes for so many seconds from now. */
export function forSeconds(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000;
  return () => performance.now() < end;
}

/** The smallest value that so large a share of all is not above; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
