import { applyOperator } from './operators.ts';
import {
  Callable,
  Float,
  fail,
  isDictionary,
  isEqual,
  isIn,
  isList,
  numberOf,
  textOf,
  Undefined,
  type Value,
} from './values.ts';

type Test = (value: Value, argument: Value) => boolean;

const comparing =
  (operator: string): Test =>
  (value, argument) =>
    applyOperator(operator, value, argument) as boolean;

const equal: Test = isEqual;
const isWhole = (value: Value) => typeof value === 'number';

/** Jinja2's tests, by name. */
const TESTS: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof Callable,
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  none: (value) => value === null,
  true: (value) => value === true,
  false: (value) => value === false,
  string: (value) => typeof value === 'string',
  number: (value) => numberOf(value) !== undefined,
  integer: isWhole,
  float: (value) => value instanceof Float,
  mapping: isDictionary,
  sequence: (value) => typeof value === 'string' || isList(value) || isDictionary(value) || value instanceof Undefined,
  iterable: (value) => typeof value === 'string' || isList(value) || isDictionary(value) || value instanceof Undefined,
  odd: (value) => isEqual(applyOperator('%', value, 2), 1),
  even: (value) => isEqual(applyOperator('%', value, 2), 0),
  divisibleby: (value, argument) => isEqual(applyOperator('%', value, argument), 0),
  lower: (value) => hasCase(textOf(value)) && textOf(value) === textOf(value).toLowerCase(),
  upper: (value) => hasCase(textOf(value)) && textOf(value) === textOf(value).toUpperCase(),
  in: (value, argument) => isIn(value, argument),
  sameas: (value, argument) => value === argument,
  escaped: () => false,
  ...{ eq: equal, equalto: equal, '==': equal },
  ...{ ne: comparing('!='), '!=': comparing('!=') },
  ...{ lt: comparing('<'), lessthan: comparing('<'), '<': comparing('<') },
  ...{ le: comparing('<='), '<=': comparing('<=') },
  ...{ gt: comparing('>'), greaterthan: comparing('>'), '>': comparing('>') },
  ...{ ge: comparing('>='), '>=': comparing('>=') },
};

const hasCase = (text: string) => text.toLowerCase() !== text.toUpperCase();

/** Applies a test. Errors: TemplateError for an unknown test. */
export function test(name: string, value: Value, argument: Value = new Undefined('the test has no argument')): boolean {
  const known = Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
  return known === undefined ? fail(`no test named "${name}"`) : known(value, argument);
}
