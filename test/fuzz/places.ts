import fc from 'fast-check';

/** A place within anything, whatever its length; see `indexOf`. */
export const place: fc.Arbitrary<number> = fc.nat();

/** fast-check prefers small numbers; they should not all mean the start. */
const SPREAD = 0x9e3779b1;

/** The index below `count` that a place stands for; 0 where there is none. */
export function indexOf(place: number, count: number): number {
  return (Math.imul(place, SPREAD) >>> 0) % Math.max(1, count);
}
