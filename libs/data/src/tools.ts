import { jsonInText } from './json-text.ts';
import type { Json } from './preference.ts';
import { parseToolsJson } from './python-json.ts';
import { describe, refuse } from './record-error.ts';

/** Tools are not nested deeper than this. */
const DEEPEST = 64;

/** A list of objects, such as tools or calls of tools, also as JSON text; none where it is null or "". */
export function jsonListAt(value: unknown, place: string): readonly Json[] {
  const list = typeof value === 'string' ? jsonInText(value, parseToolsJson) : value;
  if (!Array.isArray(list)) {
    return refuse('WRONG_TYPE', `${place} must be a list of objects, not ${describe(value)}`, place);
  }
  for (const [i, item] of list.entries()) {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) {
      refuse('WRONG_TYPE', `${place}[${i}] must be an object, not ${describe(item)}`, `${place}[${i}]`);
    }
    checkJson(item, `${place}[${i}]`, 1);
  }
  return list;
}

/** The template must see what the record says: text that can be encoded, and numbers with all their digits. */
function checkJson(value: unknown, place: string, depth: number): void {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return;
    refuse('LONE_SURROGATE', `${place} has a lone surrogate; escape the character as a surrogate pair`, place);
  }
  if (typeof value === 'number' && (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER)) {
    refuse('WRONG_TYPE', `${place} is a number that loses digits; write it as a string`, place);
  }
  if (value === null || typeof value !== 'object') return;
  if (depth > DEEPEST) refuse('WRONG_TYPE', `${place.slice(0, 100)} is nested too deep`, place.slice(0, 100));
  for (const [name, item] of Object.entries(value)) {
    if (!name.isWellFormed()) checkJson(name, `a name in ${place}`, depth);
    checkJson(item, Array.isArray(value) ? `${place}[${name}]` : `${place}.${name}`, depth + 1);
  }
}
