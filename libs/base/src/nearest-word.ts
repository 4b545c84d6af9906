/** More edits than this make another word. */
const MOST_EDITS = 3;
/** Share of a word's characters that must stay. */
const LEAST_SIMILARITY = 0.5;

/** The candidate that a mistyped word most likely means; undefined where none is near. */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let fewest = MOST_EDITS + 1;
  for (const candidate of candidates) {
    const edits = editDistance(word, candidate);
    const similarity = 1 - edits / Math.max(word.length, candidate.length);
    if (edits >= fewest || similarity < LEAST_SIMILARITY) continue;
    nearest = candidate;
    fewest = edits;
  }
  return nearest;
}

/** Insertions, deletions, substitutions and swaps of neighbors between two words; more than `MOST_EDITS` is not counted further. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MOST_EDITS) return Number.POSITIVE_INFINITY;
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(before, j - 2) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number) => row[index] ?? Number.POSITIVE_INFINITY;
