import { isNumberObject } from 'node:util/types';

/**
 * JSON as Python reads it: 1.0 is a float and 1 is none, and chat templates write them differently. A float that is a whole number becomes
 * a boxed `Number`, because JavaScript's numbers don't tell them apart; it stays one in a structured clone, and is a number in JSON.
 */

/** Fields whose numbers a template may write. */
const SHOWN = ['tools', 'tool_calls'];

/** What JSON.parse tells a reviver beside the value, and the text as it is in what JSON.stringify writes; TypeScript knows neither yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Parses a record or messages: only what is within `tools` and `tool_calls` has boxed floats. Errors: SyntaxError. */
export function parseRecordJson(text: string): unknown {
  if (!text.includes('"tool') || !/\d[.eE]/.test(text)) return JSON.parse(text);
  const shown = new WeakSet<object>();
  const top = parseWithFloats(text, (key, value) => {
    if (SHOWN.includes(key) && value !== null && typeof value === 'object') shown.add(value);
  });
  return unboxed(top, shown);
}

/** Parses tools or calls of tools. Errors: SyntaxError. */
export function parseToolsJson(text: string): unknown {
  return parseWithFloats(text, () => {});
}

/** JSON text in which floats stay floats. */
export function pythonJson(value: unknown): string {
  return JSON.stringify(value, (_key, one) => (isNumberObject(one) ? rawJSON(floatText(one.valueOf())) : one));
}

function parseWithFloats(text: string, see: (key: string, value: unknown) => void): unknown {
  const reviver: Reviver = (key, value, { source }) => {
    if (typeof value === 'number' && Number.isInteger(value) && /[.eE]/.test(source ?? '')) return Object(value);
    see(key, value);
    return value;
  };
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

/** With plain numbers but in the objects that keep theirs. */
function unboxed(value: unknown, kept: WeakSet<object>): unknown {
  if (value === null || typeof value !== 'object' || kept.has(value)) return value;
  if (isNumberObject(value)) return value.valueOf();
  const fields = value as Record<string, unknown>;
  for (const [name, field] of Object.entries(fields)) {
    if (field !== null && typeof field === 'object') fields[name] = unboxed(field, kept);
  }
  return value;
}

function floatText(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
