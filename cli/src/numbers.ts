import { readNumber } from '@alphapo/settings';
import { InvalidArgumentError } from 'commander';

/** Parsers of numbers for the command line; the caller says which option was wrong. */

function parse(text: string, accepts: (value: number) => boolean, what: string): number {
  const number = readNumber(text);
  if (!number.ok) throw new InvalidArgumentError(text.trim() === '' ? `"" is empty; give ${what}` : number.problem);
  if (accepts(number.value)) return number.value;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not ${what}`);
}

export const share = (text: string) => parse(text, (x) => x > 0 && x < 1, 'a share between 0 and 1, such as 0.05');
export const count = (text: string) =>
  parse(text, (x) => Number.isSafeInteger(x) && x >= 0, 'a whole number, 0 or more');
export const positive = (text: string) =>
  parse(text, (x) => Number.isSafeInteger(x) && x > 0, 'a whole number, 1 or more');

/** A number within bounds that `range` describes. */
export const numberWithin = (accepts: (value: number) => boolean, range: string) => (text: string) =>
  parse(text, accepts, `a number ${range}`);

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Sizes as people and Kubernetes write them: 16GB, 16G, 16Gi, 500M. */
export function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) *([kMGT]i?)?B?$/.exec(text);
  const size = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (size > 0) return size;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a size; write 16GB, 12Gi or 800M`);
}
