import fc from 'fast-check';
import { indexOf, place } from './places.ts';

/**
 * Changes of JSON as text, by value and by member: what comes out may be JSON of another meaning, or nearly JSON. Works
 * on many documents in one text, too, such as the lines of a .jsonl file.
 */
export type JsonEdit =
  | { readonly kind: 'value'; readonly at: number; readonly text: string }
  | { readonly kind: 'copy-value'; readonly from: number; readonly at: number }
  | { readonly kind: 'remove'; readonly at: number }
  | { readonly kind: 'double'; readonly at: number }
  | { readonly kind: 'key'; readonly at: number; readonly text: string }
  | { readonly kind: 'nest'; readonly at: number; readonly depth: number; readonly list: boolean }
  | { readonly kind: 'whole'; readonly text: string };

/** Values that readers are tempted to trust. */
const HOSTILE_VALUES = [
  ...['null', 'true', 'false', '""', '[]', '{}', '[[]]', '[null]', '[{}]', '{"__proto__":{"a":1}}', '{"":""}'],
  ...['0', '-0', '-1', '1', '2', '3', '1.5', '0.1', '1e-300', '5e-324', '1e300', '-1e300', '1e400', '1E+2'],
  ...['2147483647', '2147483648', '4294967296', '1000000000', '1000000000000', '9007199254740991'],
  ...['9007199254740992', '18446744073709551616', '-9007199254740993', '1'.repeat(400)],
  ...['[9007199254740991,9007199254740991]', '[0,0]', '[-1,0]', '[0,9007199254740991]', '[1,1,1,1,1,1,1,1]'],
  ...['"NaN"', '"1e9"', '"null"', '"__proto__"', '"constructor"', '"toString"', '"../../etc/passwd"', '"/dev/zero"'],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\ufeff"', '"\\u2028"', '"\u202e"', '"🙂"', '" "'],
  ...[`"${'a'.repeat(20_000)}"`, `"${' '.repeat(20_000)}"`, `[${'0,'.repeat(5_000)}0]`],
];
const NO_JSON = [
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    'undefined',
    '01',
    '.5',
    '0x10',
    "'a'",
    '"a',
    '"\\x"',
    '"\n"',
    '/**/1',
    '1,',
    ',',
  ],
];
const HOSTILE_KEYS = [
  ...['"__proto__"', '"constructor"', '"prototype"', '"toString"', '"hasOwnProperty"', '"length"', '""', '"0"', '"-1"'],
  ...['"__metadata__"', '"dtype"', '"shape"', '"data_offsets"', '"weight_map"', '"prompt"', '"chosen"', '"rejected"'],
  ...['"role"', '"content"', '"from"', '"text"', '"id"', '"rope_scaling"', '"\\ud800"', '"\\u0000"', 'a'],
  `"${'k'.repeat(20_000)}"`,
];

const json = fc.json({ maxDepth: 3 });
const value = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...HOSTILE_VALUES) },
  { weight: 1, arbitrary: fc.constantFrom(...NO_JSON) },
  { weight: 1, arbitrary: json },
  { weight: 1, arbitrary: fc.double().map(String) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)) },
);

export const jsonEdit: fc.Arbitrary<JsonEdit> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('value' as const), at: place, text: value }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('copy-value' as const), from: place, at: place }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('double' as const), at: place }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('key' as const), at: place, text: fc.constantFrom(...HOSTILE_KEYS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('nest' as const),
      at: place,
      depth: fc.constantFrom(1, 2, 100, 10_000, 50_000),
      list: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('whole' as const), text: value }) },
);

interface Span {
  readonly start: number;
  readonly end: number;
}

export function editJson(text: string, edit: JsonEdit): string {
  if (edit.kind === 'whole') return edit.text;
  const { values, keys, items } = spansOf(text);
  const list = edit.kind === 'key' ? keys : edit.kind === 'remove' || edit.kind === 'double' ? items : values;
  const span = pick(list, edit.at);
  if (span === undefined) return text;
  const [before, own, after] = [text.slice(0, span.start), text.slice(span.start, span.end), text.slice(span.end)];
  switch (edit.kind) {
    case 'value':
    case 'key':
      return before + edit.text + after;
    case 'copy-value': {
      const from = pick(values, edit.from) ?? span;
      return before + text.slice(from.start, from.end) + after;
    }
    case 'remove':
      return /^\s*,/.test(after) ? before + after.replace(/^\s*,/, '') : before.replace(/,\s*$/, '') + after;
    case 'double':
      return `${before}${own},${own}${after}`;
    case 'nest': {
      const [open, close] = edit.list ? ['[', ']'] : ['{"a":', '}'];
      return before + open.repeat(edit.depth) + own + close.repeat(edit.depth) + after;
    }
  }
}

const TOKEN = /"(?:[^"\\]+|\\[\s\S])*"?|[[\]{}]|[^\s",:[\]{}]+/g;

/** Where values and keys stand in a text that is JSON or was; items are members of objects and elements of lists. */
function spansOf(text: string): { values: Span[]; keys: Span[]; items: Span[] } {
  const values: Span[] = [];
  const keys: Span[] = [];
  const items: Span[] = [];
  /** Starts of the objects and lists that are open, and of the members whose values they are. */
  const open: { start: number; itemStart: number }[] = [];
  let itemStart: number | undefined;
  const close = (start: number, end: number, item: number) => {
    values.push({ start, end });
    items.push({ start: item, end });
  };
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    const start = match.index;
    const end = start + token.length;
    if (token === '{' || token === '[') {
      open.push({ start, itemStart: itemStart ?? start });
      itemStart = undefined;
    } else if (token === '}' || token === ']') {
      const opened = open.pop();
      if (opened !== undefined) close(opened.start, end, opened.itemStart);
      itemStart = undefined;
    } else if (token.startsWith('"') && /^\s*:/.test(text.slice(end, end + 16))) {
      keys.push({ start, end });
      itemStart = start;
    } else {
      close(start, end, itemStart ?? start);
      itemStart = undefined;
    }
  }
  return { values, keys, items };
}

function pick<T>(items: readonly T[], at: number): T | undefined {
  return items[indexOf(at, items.length)];
}
