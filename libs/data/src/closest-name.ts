import { wordsOf } from './field-names.ts';

/** Longer names are not checked for typos. */
const LONGEST_NAME = 40;

/** The known name that a name with other capitals, dashes or one or two typos most likely means; undefined if none is close. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME) return undefined;
  const plain = wordsOf(name).join('_');
  const allowed = name.length < 5 ? 1 : 2;
  const near = known
    .map((other) => ({ other, slips: slipsBetween(plain, other) }))
    .sort((a, b) => a.slips - b.slips)[0];
  return near !== undefined && near.slips <= allowed ? near.other : undefined;
}

/** Letters to add, drop, replace or swap with their neighbor (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforeLast[j - 2] ?? Infinity) + 1 : Infinity;
      row.push(Math.min(replaced, swapped, (last[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] as number;
}
