/** What is wrong with a pair's weight; undefined: nothing. An absent weight is 1. */
export function weightProblem(weight: number | undefined): string | undefined {
  if (weight === undefined || (Number.isFinite(weight) && weight >= 0)) return undefined;
  return `${weight} is not a weight; it must be a finite number, 0 or more`;
}
