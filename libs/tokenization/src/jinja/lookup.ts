import { methodOf } from './methods.ts';
import { characters } from './python-text.ts';
import { fail, isDictionary, isList, Namespace, reprOf, typeName, Undefined, type Value } from './values.ts';

/** `value.name`: a method goes before an item. Errors: TemplateError where the value is undefined. */
export function attribute(value: Value, name: string): Value {
  return methodOf(value, name) ?? item(value, name);
}

/** `value[key]`: an item goes before a method. Errors: TemplateError where the value is undefined. */
export function item(value: Value, key: Value): Value {
  if (value instanceof Undefined) return fail(value.problem);
  return itemAt(value, key) ?? absent(value, key);
}

/** Returns undefined if the bound is missing or None. */
function itemAt(value: Value, key: Value): Value | undefined {
  if (isDictionary(value) && value.has(key)) return value.get(key);
  if (typeof key === 'number' && isList(value)) return value.at(key);
  if (typeof key === 'number' && typeof value === 'string') return characters(value).at(key);
  if (typeof key !== 'string') return undefined;
  return value instanceof Namespace ? value.attributes.get(key) : methodOf(value, key);
}

function absent(value: Value, key: Value): Value {
  const isThere =
    (isDictionary(value) && value.has(key)) ||
    (value instanceof Namespace && value.attributes.has(key as string)) ||
    (isList(value) && typeof key === 'number' && key < value.length && key >= -value.length);
  return isThere ? null : new Undefined(`'${typeName(value)} object' has no attribute ${reprOf(key)}`);
}

/** `value[start:stop:step]`. Errors: TemplateError for a value that cannot be sliced. */
export function slice(value: Value, bounds: readonly [start: Value, stop: Value, step: Value]): Value {
  const [start, stop, step] = bounds.map(bound) as [number?, number?, number?];
  const all = typeof value === 'string' ? characters(value) : isList(value) ? value : undefined;
  if (all === undefined) return fail(`'${typeName(value)}' object has no slices`);
  const picked = picks(all.length, start, stop, step ?? 1).map((at) => all[at] as Value);
  return typeof value === 'string' ? picked.join('') : picked;
}

function bound(value: Value): number | undefined {
  if (value === null || typeof value === 'number') return value ?? undefined;
  return fail('slice indices must be integers or None');
}

function picks(length: number, start: number | undefined, stop: number | undefined, step: number): number[] {
  if (step === 0) return fail('slice step cannot be zero');
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (at: number) => Math.min(Math.max(at < 0 ? at + length : at, least), most);
  const from = start === undefined ? (step > 0 ? 0 : length - 1) : place(start);
  const to = stop === undefined ? (step > 0 ? length : -1) : place(stop);
  const at: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) at.push(i);
  return at;
}
