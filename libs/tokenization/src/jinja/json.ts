import { reprOfFloat } from './python-text.ts';
import { Float, fail, isDictionary, isList, reprOf, typeName, type Value } from './values.ts';

/** Options of `json.dumps`. */
export interface JsonFormat {
  readonly indent: string | undefined;
  readonly ensureAscii: boolean;
  readonly separators: readonly [item: string, key: string];
  readonly sortKeys: boolean;
}

/** A value as Python's `json.dumps` writes it. Errors: TemplateError for what JSON does not have. */
export function toJson(value: Value, format: JsonFormat, depth = 0): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof Float) return reprOfFloat(value.value).replace('nan', 'NaN').replace('inf', 'Infinity');
  if (typeof value === 'string') return quoted(value, format);
  if (isList(value))
    return within(
      '[',
      ']',
      value.map((one) => toJson(one, format, depth + 1)),
      format,
      depth,
    );
  if (!isDictionary(value)) return fail(`Object of type ${typeName(value)} is not JSON serializable`);
  const entries = [...value].map(([key, one]) => [keyOf(key), one] as const);
  if (format.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const members = entries.map(
    ([key, one]) => quoted(key, format) + format.separators[1] + toJson(one, format, depth + 1),
  );
  return within('{', '}', members, format, depth);
}

function keyOf(key: Value): string {
  if (typeof key === 'string') return key;
  return key === null || typeof key === 'boolean' ? String(key) : reprOf(key);
}

function within(open: string, close: string, parts: readonly string[], format: JsonFormat, depth: number): string {
  const { indent, separators } = format;
  if (indent === undefined || parts.length === 0) return open + parts.join(separators[0]) + close;
  const line = `\n${indent.repeat(depth)}`;
  return open + line + indent + parts.join(separators[0] + line + indent) + line + close;
}

function quoted(text: string, { ensureAscii }: JsonFormat): string {
  const json = JSON.stringify(text);
  if (!ensureAscii) return json;
  return json.replace(/[\x7f-\uffff]/g, (unit) =>
    unit === '\x7f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
