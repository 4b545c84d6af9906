import { Given } from './arguments.ts';
import { GENERATION } from './scan.ts';
import {
  type Arguments,
  Callable,
  fail,
  isDictionary,
  itemsOf,
  Namespace,
  textOf,
  typeName,
  type Value,
} from './values.ts';

/** Limit of `range`, as in Jinja2's sandbox. */
const LONGEST_RANGE = 100_000;

/**
 * Some templates write today's date. The same record must give the same tokens tomorrow, so the date is fixed to the fallback of Llama
 * 3.2's template: Friday, 26 July 2024.
 */
const FIXED_DAY: Readonly<Record<string, string>> = {
  ...{ Y: '2024', y: '24', m: '07', B: 'July', b: 'Jul', d: '26', A: 'Friday', a: 'Fri', j: '208' },
  ...{ H: '00', M: '00', S: '00', I: '12', p: 'AM', '%': '%' },
};

const formatFixedDay = (format: string) =>
  format.replace(/%(-?)([a-zA-Z%])/g, (all, sign, code) => {
    const made = FIXED_DAY[code] ?? all;
    return sign === '-' ? made.replace(/^0+(?=.)/, '') : made;
  });

function range({ positional }: Arguments): Value {
  const [first, second, step = 1] = positional.map((one) =>
    typeof one === 'number' ? one : fail(`range() takes integers, not ${typeName(one)}`),
  );
  const [from, to] = second === undefined ? [0, first ?? 0] : [first ?? 0, second];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= LONGEST_RANGE)) return fail(`range is too long: ${length} are more than ${LONGEST_RANGE}`);
  return Array.from({ length }, (_, i) => from + i * step);
}

function pairsOf({ positional, named }: Arguments): (readonly [Value, Value])[] {
  const [given] = positional;
  const own = given === undefined ? [] : isDictionary(given) ? [...given] : itemsOf(given).map(pairOf);
  return [...own, ...named];
}

function pairOf(value: Value): readonly [Value, Value] {
  const [key, one] = itemsOf(value);
  return key === undefined || one === undefined ? fail('a pair has a key and a value') : [key, one];
}

/** Global functions of every template: those of Jinja2 and those that transformers adds. */
export const GLOBALS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...(['true', 'True'] as const).map((name) => [name, true] as const),
  ...(['false', 'False'] as const).map((name) => [name, false] as const),
  ...(['none', 'None'] as const).map((name) => [name, null] as const),
  ['range', new Callable(range)],
  ['dict', new Callable((given) => new Map(pairsOf(given)))],
  ['namespace', new Callable((given) => new Namespace(pairsOf(given).map(([key, value]) => [textOf(key), value])))],
  [
    'raise_exception',
    new Callable((given) => fail(new Given('raise_exception()', ['message'], given).written('message'))),
  ],
  [
    'strftime_now',
    new Callable((given) => formatFixedDay(new Given('strftime_now()', ['format'], given).text('format'))),
  ],
  [
    GENERATION,
    new Callable(({ named }) => {
      const body = named.get('caller');
      return body instanceof Callable ? body.call({ positional: [], named: new Map() }) : '';
    }),
  ],
]);
