/** A quantity's worst difference from the reference numbers. */
interface Worst {
  readonly difference: number;
  readonly tolerance: number;
  readonly place: string;
}

/** Holds numbers against reference numbers, each within its tolerance, and keeps the worst of every quantity. */
export class Comparison {
  readonly #worst = new Map<string, Worst>();

  /** |actual - expected| against the tolerance. A NaN on either side is beyond every tolerance. */
  absolute(quantity: string, actual: number | undefined, expected: number, tolerance: number, place = ''): void {
    this.difference(quantity, Math.abs((actual ?? Number.NaN) - expected), tolerance, place);
  }

  /** |actual - expected| / max(floor, |expected|) against the tolerance. */
  relative(
    quantity: string,
    actual: number | undefined,
    expected: number,
    tolerance: number,
    { floor = 1, place = '' } = {},
  ): void {
    const scale = Math.max(floor, Math.abs(expected));
    const difference = Math.abs((actual ?? Number.NaN) - expected);
    this.difference(quantity, difference === 0 ? 0 : difference / scale, tolerance, place);
  }

  difference(quantity: string, difference: number, tolerance: number, place = ''): void {
    const known = this.#worst.get(quantity);
    const share = shareOf(difference, tolerance);
    if (known === undefined || share > shareOf(known.difference, known.tolerance)) {
      this.#worst.set(quantity, { difference, tolerance, place });
    }
  }

  /** Fails with every quantity that is beyond its tolerance, or where nothing was compared. */
  expectWithinTolerance(): void {
    expect(this.#worst.size).toBeGreaterThan(0);
    const beyond = [...this.#worst].filter(([, { difference, tolerance }]) => !(difference <= tolerance));
    expect(Object.fromEntries(beyond)).toEqual({});
  }
}

/** How much of the tolerance a difference takes; a NaN takes more than any number. */
function shareOf(difference: number, tolerance: number): number {
  if (difference <= tolerance) return difference === 0 ? 0 : difference / tolerance;
  const share = difference / tolerance;
  return Number.isNaN(share) ? Number.POSITIVE_INFINITY : share;
}

/** ||x - y|| / ||y||. */
export function relativeL2(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    difference += ((x[i] as number) - (y[i] as number)) ** 2;
    norm += (y[i] as number) ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** max |x - y|. */
export function largestDifference(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < y.length; i++) {
    const difference = Math.abs((x[i] as number) - (y[i] as number));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** max |y|. */
export const largest = (y: ArrayLike<number>): number => largestDifference(new Float64Array(y.length), y);

/** The elements outside of [from, to). */
export function without<T extends Float32Array | Float64Array>(
  data: T,
  range: readonly [number, number] | undefined,
): T {
  if (range === undefined) return data;
  return data.filter((_, i) => i < range[0] || i >= range[1]) as T;
}
