import { Given } from './arguments.ts';
import { capitalize, characters, isSpace, lengthOf, lines, split, strip, title } from './python-text.ts';
import {
  type Arguments,
  Callable,
  type Dictionary,
  fail,
  isDictionary,
  isEqual,
  isList,
  itemsOf,
  Tuple,
  typeName,
  type Value,
} from './values.ts';

/** Methods of Python's strings, lists and dictionaries that do not change a value; templates may not call others. */

type Method<T> = readonly [names: readonly string[], call: (self: T, given: Given) => Value];

const only = <T>(call: (self: T) => Value): Method<T> => [[], call];
const stripped = (sides: 'both' | 'left' | 'right'): Method<string> => [
  ['chars'],
  (text, given) => strip(text, given.optionalText('chars'), sides),
];
const splitting = (from: 'left' | 'right'): Method<string> => [
  ['sep', 'maxsplit'],
  (text, given) => split(text, given.optionalText('sep'), given.integer('maxsplit', -1), from),
];
const having = (has: (text: string, part: string) => boolean): Method<string> => [
  ['prefix'],
  (text, given) => {
    const part = given.required('prefix');
    return part instanceof Tuple
      ? part.some((one) => typeof one === 'string' && has(text, one))
      : has(text, given.text('prefix'));
  },
];
const finding = (find: (text: string, part: string) => number): Method<string> => [
  ['sub'],
  (text, given) => {
    const at = find(text, given.text('sub'));
    return at < 0 ? -1 : lengthOf(text.slice(0, at));
  },
];
const consisting = (pattern: RegExp): Method<string> => only((text) => pattern.test(text));
const parting = (find: (text: string, separator: string) => number, isFromEnd: boolean): Method<string> => [
  ['sep'],
  (text, given) => {
    const separator = given.text('sep');
    const at = find(text, separator);
    if (at < 0) return isFromEnd ? Tuple.of('', '', text) : Tuple.of(text, '', '');
    return Tuple.of(text.slice(0, at), separator, text.slice(at + separator.length));
  },
];
const padded = (pad: (text: string, width: number, fill: string) => string): Method<string> => [
  ['width', 'fillchar'],
  (text, given) =>
    pad(text, given.integer('width', 0) - lengthOf(text) + text.length, given.optionalText('fillchar') ?? ' '),
];

const OF_TEXT: Readonly<Record<string, Method<string>>> = {
  upper: only((text) => text.toUpperCase()),
  lower: only((text) => text.toLowerCase()),
  casefold: only((text) => text.toLowerCase().replaceAll('ß', 'ss')),
  title: only(title),
  capitalize: only(capitalize),
  strip: stripped('both'),
  lstrip: stripped('left'),
  rstrip: stripped('right'),
  split: splitting('left'),
  rsplit: splitting('right'),
  splitlines: only(lines),
  startswith: having((text, part) => text.startsWith(part)),
  endswith: having((text, part) => text.endsWith(part)),
  removeprefix: [
    ['prefix'],
    (text, given) => (text.startsWith(given.text('prefix')) ? text.slice(given.text('prefix').length) : text),
  ],
  removesuffix: [
    ['suffix'],
    (text, given) => {
      const suffix = given.text('suffix');
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  ],
  find: finding((text, part) => text.indexOf(part)),
  rfind: finding((text, part) => text.lastIndexOf(part)),
  index: finding((text, part) => (text.includes(part) ? text.indexOf(part) : fail('substring not found'))),
  count: [['sub'], (text, given) => countIn(text, given.text('sub'))],
  replace: [
    ['old', 'new', 'count'],
    (text, given) => replaced(text, given.text('old'), given.text('new'), given.integer('count', -1)),
  ],
  join: [['iterable'], (text, given) => itemsOf(given.required('iterable')).map(partOfText).join(text)],
  partition: parting((text, separator) => text.indexOf(separator), false),
  rpartition: parting((text, separator) => text.lastIndexOf(separator), true),
  ljust: padded((text, width, fill) => text.padEnd(width, fill)),
  rjust: padded((text, width, fill) => text.padStart(width, fill)),
  isspace: only(isSpace),
  isdigit: consisting(/^\p{Nd}+$/u),
  isdecimal: consisting(/^\p{Nd}+$/u),
  isnumeric: consisting(/^\p{N}+$/u),
  isalpha: consisting(/^\p{L}+$/u),
  isalnum: consisting(/^[\p{L}\p{N}]+$/u),
  isascii: only((text) => !/[^\0-\x7f]/.test(text)),
  islower: only((text) => text === text.toLowerCase() && text !== text.toUpperCase()),
  isupper: only((text) => text === text.toUpperCase() && text !== text.toLowerCase()),
};

const OF_LIST: Readonly<Record<string, Method<readonly Value[]>>> = {
  count: [['value'], (list, given) => list.filter((one) => isEqual(one, given.required('value'))).length],
  index: [
    ['value'],
    (list, given) => {
      const at = list.findIndex((one) => isEqual(one, given.required('value')));
      return at < 0 ? fail('the value is not in the list') : at;
    },
  ],
  copy: only((list) => [...list]),
};

const OF_DICTIONARY: Readonly<Record<string, Method<Dictionary>>> = {
  get: [
    ['key', 'default'],
    (dictionary, given) => dictionary.get(given.required('key')) ?? given.value('default') ?? null,
  ],
  keys: only((dictionary) => [...dictionary.keys()]),
  values: only((dictionary) => [...dictionary.values()]),
  items: only((dictionary) => [...dictionary].map(([key, value]) => Tuple.of(key, value))),
  copy: only((dictionary) => new Map(dictionary)),
};

/** Methods that change a value; transformers' sandbox forbids them. */
const FORBIDDEN = new Set([
  ...['append', 'extend', 'insert', 'remove', 'reverse', 'sort', 'clear', 'pop', 'popitem', 'setdefault', 'update'],
]);

/** Looks up a method of a value by name; undefined if there is none. */
export function methodOf(self: Value, name: string): Callable | undefined {
  if (typeof self === 'string') return bound(OF_TEXT, self, name);
  if (isList(self)) return bound(OF_LIST, self, name) ?? forbidden(self, name);
  return isDictionary(self) ? (bound(OF_DICTIONARY, self, name) ?? forbidden(self, name)) : undefined;
}

function bound<T>(methods: Readonly<Record<string, Method<T>>>, self: T, name: string): Callable | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method === undefined) return undefined;
  const [names, call] = method;
  return new Callable((given: Arguments) => call(self, new Given(`${name}()`, names, given)));
}

function forbidden(self: Value, name: string): Callable | undefined {
  if (!FORBIDDEN.has(name)) return undefined;
  return new Callable(() => fail(`${name}() of a ${typeName(self)} changes it, which templates must not`));
}

function partOfText(value: Value): string {
  return typeof value === 'string' ? value : fail(`sequence item: expected str instance, ${typeName(value)} found`);
}

/** `str.count`, without overlaps. */
function countIn(text: string, part: string): number {
  return part === '' ? lengthOf(text) + 1 : text.split(part).length - 1;
}

/** `str.replace`; `most`: replacements at most, -1: all. */
export function replaced(text: string, old: string, by: string, most: number): string {
  const parts = old === '' ? ['', ...characters(text), ''] : text.split(old);
  if (most < 0 || parts.length - 1 <= most) return parts.join(by);
  return [...parts.slice(0, most), parts.slice(most).join(old)].join(by);
}
