import { InvalidArgumentError } from 'commander';

/** Parsers of numbers for the command line; commander says which option was wrong. */

function parse(text: string, accepts: (value: number) => boolean, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !accepts(value)) throw new InvalidArgumentError(`It must be ${what}.`);
  return value;
}

export const share = (text: string) => parse(text, (x) => x > 0 && x < 1, 'a share between 0 and 1, such as 0.05');
export const count = (text: string) => parse(text, (x) => Number.isInteger(x) && x >= 0, 'a whole number from 0 on');
export const positive = (text: string) => parse(text, (x) => Number.isInteger(x) && x > 0, 'a whole number from 1 on');
