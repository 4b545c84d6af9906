import { isNumberObject } from 'node:util/types';
import { reprOfFloat, reprOfText } from './python-text.ts';

/** Python values of a template. Integers are numbers; floats have a type of their own, because 2.0 and 2 print differently. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Float
  | Undefined
  | Namespace
  | Callable
  | readonly Value[]
  | Dictionary;

export type Dictionary = ReadonlyMap<Value, Value>;

export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** The value of a missing name or key. It can be printed, tested and iterated over, and nothing else. */
export class Undefined {
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

/** The result of `namespace()`, the only value whose attributes a template can set. */
export class Namespace {
  readonly attributes: Map<string, Value>;
  constructor(attributes: Iterable<readonly [string, Value]>) {
    this.attributes = new Map(attributes);
  }
}

export class Tuple extends Array<Value> {}

/** Positional and keyword arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A function, method or macro. */
export class Callable {
  readonly call: (given: Arguments) => Value;
  constructor(call: (given: Arguments) => Value) {
    this.call = call;
  }
}

/** An error in a template, or one that a template raises about the conversation. */
class TemplateError extends Error {}

export function fail(message: string): never {
  throw new TemplateError(message);
}

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
export const isDictionary = (value: Value): value is Dictionary => value instanceof Map;

/** Converts a JSON value to a Python value; a boxed number is a whole float. */
export function fromJson(value: unknown): Value {
  if (value === undefined) return new Undefined('a value is undefined');
  if (typeof value === 'number') return Number.isInteger(value) ? value : new Float(value);
  if (isNumberObject(value)) return new Float(value.valueOf());
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(fromJson);
  return new Map(Object.entries(value as object).map(([key, one]) => [key, fromJson(one)]));
}

/** The numeric value in arithmetic, or undefined. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return value;
  return value instanceof Float ? value.value : undefined;
}

/** The type name in Python's error messages. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof Float) return 'float';
  if (value instanceof Tuple) return 'tuple';
  if (isList(value)) return 'list';
  if (isDictionary(value)) return 'dict';
  return value instanceof Undefined ? 'Undefined' : value instanceof Namespace ? 'Namespace' : 'function';
}

/** `bool(value)`. */
export function isTrue(value: Value): boolean {
  if (value instanceof Undefined || value === null) return false;
  if (typeof value === 'string' || isList(value)) return value.length > 0;
  if (isDictionary(value)) return value.size > 0;
  const number = numberOf(value);
  return number === undefined || number !== 0;
}

/** `str(value)`: the printed form. */
export function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  return value instanceof Undefined ? '' : reprOf(value);
}

/** `repr(value)`. */
export function reprOf(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return reprOfText(value);
  if (value instanceof Float) return reprOfFloat(value.value);
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Tuple) return `(${value.map(reprOf).join(', ')}${value.length === 1 ? ',' : ''})`;
  if (isList(value)) return `[${value.map(reprOf).join(', ')}]`;
  if (isDictionary(value)) return `{${[...value].map(([key, one]) => `${reprOf(key)}: ${reprOf(one)}`).join(', ')}}`;
  return fail(`a ${typeName(value)} cannot be printed`);
}

/** `a == b`. */
export function isEqual(a: Value, b: Value): boolean {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined || right !== undefined) return left === right;
  if (a instanceof Undefined) return b instanceof Undefined;
  if (isList(a)) {
    if (!isList(b) || a instanceof Tuple !== b instanceof Tuple || a.length !== b.length) return false;
    return a.every((one, i) => isEqual(one, b[i] as Value));
  }
  if (!isDictionary(a)) return a === b;
  return (
    isDictionary(b) &&
    a.size === b.size &&
    [...a].every(([key, one]) => b.has(key) && isEqual(one, b.get(key) as Value))
  );
}

/** Compares two values: negative, 0 or positive. Errors: TemplateError for types that Python does not order. */
export function compare(a: Value, b: Value): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return left - right;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (isList(a) && isList(b) && a instanceof Tuple === b instanceof Tuple) {
    const at = a.findIndex((one, i) => i >= b.length || !isEqual(one, b[i] as Value));
    if (at < 0 || at >= b.length) return a.length - b.length;
    return compare(a[at] as Value, b[at] as Value);
  }
  return fail(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** Compares by code points; JavaScript compares UTF-16 units. */
function compareText(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((one, i) => one !== right[i]);
  if (at < 0) return left.length - right.length;
  return right[at] === undefined ? 1 : ((left[at] as string).codePointAt(0) ?? 0) - (right[at].codePointAt(0) ?? 0);
}

/** `iter(value)`. Errors: TemplateError. */
export function itemsOf(value: Value): readonly Value[] {
  if (isList(value)) return value;
  if (typeof value === 'string') return Array.from(value);
  if (isDictionary(value)) return [...value.keys()];
  return value instanceof Undefined ? [] : fail(`'${typeName(value)}' object is not iterable`);
}

/** `needle in hay`. Errors: TemplateError. */
export function isIn(needle: Value, hay: Value): boolean {
  if (typeof hay !== 'string') return itemsOf(hay).some((one) => isEqual(one, needle));
  if (typeof needle === 'string') return hay.includes(needle);
  return fail(`'in <string>' requires string as left operand, not ${typeName(needle)}`);
}
