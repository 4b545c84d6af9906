import { Given } from './arguments.ts';
import { toJson } from './json.ts';
import { replaced } from './methods.ts';
import { applyOperator, defined } from './operators.ts';
import { capitalize, lengthOf, lines, strip } from './python-text.ts';
import { test } from './tests.ts';
import {
  type Arguments,
  compare,
  Float,
  fail,
  isDictionary,
  isEqual,
  isList,
  isTrue,
  itemsOf,
  numberOf,
  Tuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/** Reads an attribute of a value, as `value.name` and `value["name"]` do. */
export type Lookup = (value: Value, name: Value) => Value;

type Filter = readonly [names: readonly string[], apply: (value: Value, given: Given, look: Lookup) => Value];

const simple = (apply: (value: Value) => Value): Filter => [[], apply];
const onText = (apply: (text: string) => string): Filter => simple((value) => apply(textOf(value)));
const folded = (value: Value) => (typeof value === 'string' ? value.toLowerCase() : value);

const length: Filter = simple((value) => {
  if (typeof value === 'string') return lengthOf(value);
  if (isDictionary(value)) return value.size;
  return isList(value) || value instanceof Undefined
    ? itemsOf(value).length
    : fail(`object of type '${typeName(value)}' has no len()`);
});

const fallback: Filter = [
  ['default_value', 'boolean'],
  (value, given) =>
    value instanceof Undefined || (given.flag('boolean') && !isTrue(value))
      ? (given.value('default_value') ?? '')
      : value,
];

const FILTERS: Readonly<Record<string, Filter>> = {
  tojson: [
    ['ensure_ascii', 'indent', 'separators', 'sort_keys'],
    (value, given) => {
      const indent = given.value('indent') ?? null;
      const space =
        typeof indent === 'number' ? ' '.repeat(indent) : indent === null ? undefined : given.text('indent');
      return toJson(value, {
        indent: space,
        ensureAscii: given.flag('ensure_ascii'),
        separators: separatorsOf(given.value('separators') ?? null) ?? [space === undefined ? ', ' : ',', ': '],
        sortKeys: given.flag('sort_keys'),
      });
    },
  ],
  ...{ length, count: length, default: fallback, d: fallback },
  string: onText((text) => text),
  safe: onText((text) => text),
  upper: onText((text) => text.toUpperCase()),
  lower: onText((text) => text.toLowerCase()),
  capitalize: onText(capitalize),
  title: onText((text) => text.replace(/[^-\s({[<]+/g, capitalize)),
  trim: [['chars'], (value, given) => strip(textOf(value), given.optionalText('chars'), 'both')],
  replace: [
    ['old', 'new', 'count'],
    (value, given) => replaced(textOf(value), given.written('old'), given.written('new'), given.integer('count', -1)),
  ],
  indent: [['width', 'first', 'blank'], (value, given) => indented(textOf(value), given)],
  list: simple((value) => [...itemsOf(value)]),
  items: simple((value) =>
    isDictionary(value) ? [...value].map(([key, one]) => Tuple.of(key, one)) : [...itemsOf(value)],
  ),
  first: simple((value) => itemsOf(value)[0] ?? missingIn(value)),
  last: simple((value) => itemsOf(value).at(-1) ?? missingIn(value)),
  reverse: simple((value) =>
    typeof value === 'string' ? Array.from(value).reverse().join('') : [...itemsOf(value)].reverse(),
  ),
  join: [
    ['d', 'attribute'],
    (value, given, look) =>
      itemsOf(value)
        .map((one) => textOf(attributeOf(one, given.value('attribute'), look)))
        .join(textOf(given.value('d') ?? '')),
  ],
  sort: [
    ['reverse', 'case_sensitive', 'attribute'],
    (value, given, look) => {
      const fold = given.flag('case_sensitive') ? (one: Value) => one : folded;
      const key = (one: Value) => fold(attributeOf(one, given.value('attribute'), look));
      const sign = given.flag('reverse') ? -1 : 1;
      return [...itemsOf(value)].sort((a, b) => sign * compare(key(a), key(b)));
    },
  ],
  dictsort: [
    ['case_sensitive', 'by', 'reverse'],
    (value, given) => {
      if (!isDictionary(value)) return fail(`dictsort takes a dict, not ${typeName(value)}`);
      const place = given.optionalText('by') === 'value' ? 1 : 0;
      const fold = given.flag('case_sensitive') ? (one: Value) => one : folded;
      const sign = given.flag('reverse') ? -1 : 1;
      const pairs = [...value].map(([key, one]) => Tuple.of(key, one));
      return pairs.sort((a, b) => sign * compare(fold(a[place] as Value), fold(b[place] as Value)));
    },
  ],
  unique: [
    ['case_sensitive', 'attribute'],
    (value, given, look) => {
      const fold = given.flag('case_sensitive') ? (one: Value) => one : folded;
      const key = (one: Value) => fold(attributeOf(one, given.value('attribute'), look));
      const all = itemsOf(value);
      return all.filter((one, i) => all.findIndex((other) => isEqual(key(one), key(other))) === i);
    },
  ],
  abs: simple((value) => (value instanceof Float ? new Float(Math.abs(value.value)) : Math.abs(numberFrom(value)))),
  int: [
    ['default', 'base'],
    (value, given) => {
      const number = typeof value === 'string' ? parsedNumber(value) : numberOf(defined(value));
      return number === undefined || !Number.isFinite(number) ? (given.value('default') ?? 0) : Math.trunc(number);
    },
  ],
  float: [
    ['default'],
    (value, given) => {
      const number = typeof value === 'string' ? parsedNumber(value) : numberOf(defined(value));
      return number === undefined ? (given.value('default') ?? new Float(0)) : new Float(number);
    },
  ],
  sum: [
    ['attribute', 'start'],
    (value, given, look) =>
      itemsOf(value).reduce<Value>(
        (sum, one) => applyOperator('+', sum, attributeOf(one, given.value('attribute'), look)),
        given.value('start') ?? 0,
      ),
  ],
  min: [['case_sensitive', 'attribute'], (value, given, look) => extreme(value, given, look, -1)],
  max: [['case_sensitive', 'attribute'], (value, given, look) => extreme(value, given, look, 1)],
  attr: [['name'], (value, given, look) => (isDictionary(value) ? missingIn(value) : look(value, given.text('name')))],
};

/** Filters that apply a test or another filter to each item. */
type Applying = (items: readonly Value[], given: Arguments, look: Lookup) => Value;

const selecting =
  (wanted: boolean, byAttribute: boolean): Applying =>
  (items, { positional }, look) => {
    const [name, argument] = byAttribute ? positional.slice(1) : positional;
    const subject = (one: Value) => (byAttribute ? attributeOf(one, positional[0], look) : one);
    const holds = (one: Value) => (name === undefined ? isTrue(one) : test(textOf(name), one, argument));
    return items.filter((one) => holds(subject(one)) === wanted);
  };

const APPLYING: Readonly<Record<string, Applying>> = {
  select: selecting(true, false),
  reject: selecting(false, false),
  selectattr: selecting(true, true),
  rejectattr: selecting(false, true),
  map(items, { positional, named }, look) {
    const attribute = named.get('attribute');
    const [name, ...others] = positional;
    if (attribute === undefined)
      return items.map((one) => applyFilter(textOf(name ?? ''), one, { positional: others, named }, look));
    const otherwise = named.get('default');
    return items.map((one) => {
      const value = attributeOf(one, attribute, look);
      return value instanceof Undefined && otherwise !== undefined ? otherwise : value;
    });
  },
};

/** Applies a filter. Errors: TemplateError for an unknown filter, or a value that the filter does not take. */
export function applyFilter(name: string, value: Value, given: Arguments, look: Lookup): Value {
  const called = /^is (not )?(\w+)$/.exec(name);
  if (called !== null) return test(called[2] as string, value, given.positional[0]) === (called[1] === undefined);
  if (Object.hasOwn(APPLYING, name)) return (APPLYING[name] as Applying)(itemsOf(value), given, look);
  const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (filter === undefined) return fail(`no filter named "${name}" is supported`);
  const [names, apply] = filter;
  return apply(value, new Given(`the filter ${name}`, names, given), look);
}

/** Reads a value by a path such as `function.name` or `0.name`. */
function attributeOf(value: Value, path: Value | undefined, look: Lookup): Value {
  if (path === undefined || path === null) return value;
  const keys =
    typeof path === 'number'
      ? [path]
      : textOf(path)
          .split('.')
          .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  return keys.reduce<Value>((from, key) => look(from, key), value);
}

function separatorsOf(value: Value): readonly [string, string] | undefined {
  if (value === null) return undefined;
  const [item, key] = itemsOf(value);
  return typeof item === 'string' && typeof key === 'string'
    ? [item, key]
    : fail('tojson: separators must be two strings');
}

function missingIn(value: Value): Undefined {
  return new Undefined(`a ${typeName(value)} has no such item`);
}

function indented(text: string, given: Given): string {
  const width = given.value('width') ?? 4;
  const space = typeof width === 'number' ? ' '.repeat(width) : textOf(width);
  const all = lines(`${text}\n`);
  const rest = all.slice(1).map((line) => (line === '' && !given.flag('blank') ? line : space + line));
  return (given.flag('first') ? space : '') + [all[0] ?? '', ...rest].join('\n');
}

function numberFrom(value: Value): number {
  return numberOf(value) ?? fail(`bad operand type for abs(): '${typeName(value)}'`);
}

function parsedNumber(text: string): number | undefined {
  const number = Number(strip(text, undefined, 'both').replaceAll(/(?<=\d)_(?=\d)/g, '') || 'none');
  return Number.isNaN(number) ? undefined : number;
}

function extreme(value: Value, given: Given, look: Lookup, sign: 1 | -1): Value {
  const fold = given.flag('case_sensitive') ? (one: Value) => one : folded;
  const key = (one: Value) => fold(attributeOf(one, given.value('attribute'), look));
  const [first, ...others] = itemsOf(value);
  if (first === undefined) return missingIn(value);
  return others.reduce<Value>((best, one) => (sign * compare(key(one), key(best)) > 0 ? one : best), first);
}
