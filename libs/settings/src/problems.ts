import { nearestWord } from '@alphapo/base';
import type { z } from 'zod';
import { camelCase, kebabCase } from './names.ts';
import { readNumber } from './written-number.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong with the value of a setting, and what to write. */
export function valueProblem(issue: Issue, values: Readonly<Record<string, unknown>>): string {
  const value = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], values);
  if (value === null) return 'has no value';
  switch (issue.code) {
    case 'invalid_type':
      if (typeof value === 'object') return expectedFound(TYPES[issue.expected] ?? issue.expected, value);
      return typeProblem(issue.expected, value);
    case 'invalid_value':
      if (typeof value === 'object') return expectedFound(`one of ${issue.values.join(', ')}`, value);
      return choiceProblem(value, issue.values.map(String));
    case 'too_small':
      if (issue.origin === 'array') return 'the list is empty';
      if (issue.origin === 'string') return 'a name is empty';
      return `${shown(value)} is too small: it must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${shown(value)} is too large: it must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'a list',
  string: 'text',
};

/** `expected a number, found a mapping`. */
export function expectedFound(expected: string, value: unknown): string {
  return `expected ${expected}, found ${kindOf(value)}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'a mapping' : shown(value);
}

const TRUTH: Readonly<Record<string, boolean>> = { yes: true, on: true, no: false, off: false };

function typeProblem(expected: string, value: unknown): string {
  switch (expected) {
    case 'number':
    case 'int': {
      if (typeof value !== 'string') return `${shown(value)} is not ${expected === 'int' ? 'an integer' : 'a number'}`;
      const number = readNumber(value);
      return number.ok ? `${shown(value)} is text; write ${number.value}` : number.problem;
    }
    case 'boolean': {
      const meant = TRUTH[String(value).toLowerCase()] ?? { true: true, false: false }[String(value).toLowerCase()];
      return `${shown(value)} is neither true nor false${meant === undefined ? '' : `; write ${meant}`}`;
    }
    case 'array':
      return `${shown(value)} is not a list${typeof value === 'string' ? `; write [${value}]` : ''}`;
    case 'string':
      return `${shown(value)} is not text`;
    default:
      return `${shown(value)} is not ${expected}`;
  }
}

function choiceProblem(value: unknown, choices: readonly string[]): string {
  const meant = typeof value === 'string' ? nearestWord(value.toLowerCase(), choices) : undefined;
  const among = `${shown(value)} is none of ${choices.join(', ')}`;
  return meant === undefined ? among : `${among}. Did you mean ${meant}?`;
}

/** Mistakes by the line of the file that each begins with, as in `run.yaml:3: stpes: …`; those of options come first. */
export function inFileOrder(mistakes: readonly string[]): readonly string[] {
  const lineOf = (mistake: string) => Number(/^.+?:(\d+): /.exec(mistake)?.[1] ?? 0);
  return mistakes.toSorted((a, b) => lineOf(a) - lineOf(b));
}

/** What there is to say about a key that is none. `place` ends with the key as it is written: `run.yaml:3: stpes`. */
export function unknownSettingProblem(place: string, known: readonly string[]): string {
  const written = place.slice(place.lastIndexOf(' ') + 1);
  const meant = nearestWord(camelCase(written), known);
  if (meant === undefined) return 'no such setting';
  // A person who writes camel case meets it again.
  const name =
    written.includes('-') || meant === meant.toLowerCase() || !/[A-Z]/.test(written) ? kebabCase(meant) : meant;
  return `no such setting. Did you mean ${name}?`;
}

const LONGEST_SHOWN = 60;

function shown(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
