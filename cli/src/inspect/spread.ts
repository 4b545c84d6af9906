/** How counts are spread: order statistics, and how many of them were cut. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
}

/** Undefined where there are no counts. `counts` in any order. */
export function spreadOf(counts: readonly number[]): Spread | undefined {
  const sorted = Float64Array.from(counts).sort();
  /** The smallest count that is at least as large as this share of all. */
  const quantile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const [min, median, p95, max] = [sorted[0], quantile(0.5), quantile(0.95), sorted.at(-1)];
  if (min === undefined || median === undefined || p95 === undefined || max === undefined) return undefined;
  return { min, median, p95, max };
}

const LEVELS = '▁▂▃▄▅▆▇█';

/** A histogram of counts from 0 to the largest in a line of `width` characters; a space where there is none. */
export function histogram(counts: readonly number[], width: number): string {
  const largest = counts.reduce((most, count) => Math.max(most, count), 0);
  const bins = new Array<number>(width).fill(0);
  for (const count of counts) {
    const bin = Math.min(width - 1, Math.floor((count / (largest + 1)) * width));
    bins[bin] = (bins[bin] as number) + 1;
  }
  const most = Math.max(...bins);
  return bins
    .map((n) => (n === 0 ? ' ' : LEVELS[Math.min(LEVELS.length - 1, Math.floor((n / most) * LEVELS.length))]))
    .join('');
}
