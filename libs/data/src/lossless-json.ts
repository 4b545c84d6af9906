/** JSON that keeps what JavaScript's numbers would lose: 64-bit integers, and what only JavaScript calls a number. */

/** A field of an object and the text of its value, as it stands there. */
export interface RawField {
  readonly name: string;
  readonly value: string;
}

/**
 * The fields of a text that is one JSON object, in their order; undefined where it is none. Values are looked at only as far as it
 * takes to find their ends.
 */
export function rawFields(text: string): RawField[] | undefined {
  let at = skipBlank(text, 0);
  if (text[at] !== '{') return undefined;
  const fields: RawField[] = [];
  at = skipBlank(text, at + 1);
  if (text[at] === '}') return skipBlank(text, at + 1) === text.length ? fields : undefined;
  for (;;) {
    const nameEnd = endOfString(text, at);
    if (nameEnd === undefined) return undefined;
    const name = stringOf(text.slice(at, nameEnd));
    at = skipBlank(text, nameEnd);
    if (name === undefined || text[at] !== ':') return undefined;
    at = skipBlank(text, at + 1);
    const end = endOfValue(text, at);
    if (end === undefined || end === at) return undefined;
    fields.push({ name, value: text.slice(at, end).trimEnd() });
    at = skipBlank(text, end);
    if (text[at] === '}') return skipBlank(text, at + 1) === text.length ? fields : undefined;
    if (text[at] !== ',') return undefined;
    at = skipBlank(text, at + 1);
  }
}

/** The JSON text of fields. */
export function textOfFields(fields: readonly RawField[]): string {
  return `{${fields.map(({ name, value }) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/**
 * A value as JSON text: 64-bit integers with all of their digits, times as ISO 8601, bytes as `{"bytes": …}` in base64. NaN and infinities are
 * written by these names, as Python does.
 */
export function losslessJson(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'null' : JSON.stringify(value);
  if (value instanceof Uint8Array) return JSON.stringify({ bytes: Buffer.from(value).toString('base64') });
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `[${Array.from(value as ArrayLike<unknown>, losslessJson).join(',')}]`;
  }
  if (typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => ({ name, value: losslessJson(field) }));
  return textOfFields(fields);
}

/** What a JSON text of a string says; undefined where it is something else. */
export function stringOf(text: string): string | undefined {
  if (!text.startsWith('"')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const BLANK = /[ \t\r\n]*/y;

function skipBlank(text: string, at: number): number {
  BLANK.lastIndex = at;
  BLANK.test(text);
  return BLANK.lastIndex;
}

/** Behind the string that begins here. */
function endOfString(text: string, at: number): number | undefined {
  if (text[at] !== '"') return undefined;
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return undefined;
}

/** Behind the value that begins here: where a comma or the end of the object follows. */
function endOfValue(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (end === undefined) return undefined;
      at = end - 1;
    } else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth--;
    } else if (character === ',' && depth === 0) return at;
  }
  return undefined;
}
