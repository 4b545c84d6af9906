import { isUtf8 } from 'node:buffer';
import { MAX_RECORD_BYTES, messageOf } from '@alphapo/base';
import { withoutNonFinite } from './non-finite-json.ts';
import { parseRecordJson } from './python-json.ts';
import { describe, refuse } from './record-error.ts';
import type { Fields } from './record-fields.ts';

/** From the bytes of a record to its fields. */

/** The fields of a record, and how its numbers are written where a double cannot hold them. */
export interface RecordJson {
  readonly fields: Fields;
  /** The digits of a field that is a number, as the record has them. */
  digitsOf(name: string): string | undefined;
}

/**
 * Of a name that occurs twice in an object the last one counts, as in most JSON parsers. NaN and Infinity, which Python writes, are
 * read as a number that is not finite. Reasons: LINE_TOO_LONG, NOT_UTF8 with the offset of the first wrong byte, NOT_JSON,
 * NOT_AN_OBJECT.
 */
export function readJson(record: Uint8Array | string): RecordJson {
  if (Buffer.byteLength(record) > MAX_RECORD_BYTES) {
    refuse('LINE_TOO_LONG', `the record is longer than ${MAX_RECORD_BYTES} bytes; put one record on a line`);
  }
  const text = withoutByteOrderMark(typeof record === 'string' ? record : decode(record));
  const value = parse(text);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    return { fields: value as Fields, digitsOf: (name) => digitsIn(text, name) };
  }
  return refuse(
    'NOT_AN_OBJECT',
    `the record must be a JSON object with prompt, chosen and rejected, not ${describe(value)}`,
  );
}

function parse(text: string): unknown {
  try {
    return parseRecordJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const finite = withoutNonFinite(text);
    if (finite !== undefined) return parse(finite);
    if (text.includes('\0')) refuseUtf16();
    return refuse('NOT_JSON', `the record is not valid JSON: ${messageOf(error)}; write one JSON object per record`);
  }
}

const withoutByteOrderMark = (text: string): string => (text.startsWith('\ufeff') ? text.slice(1) : text);

/** What JSON.parse tells a reviver beside the value; TypeScript does not know of it yet. */
type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Parses again, which only numbers that lose digits are worth. Fields of inner objects are set aside by their holder. */
function digitsIn(text: string, name: string): string | undefined {
  const digits = new Map<unknown, string>();
  const reviver: Reviver = function (key, value, { source }) {
    if (key === name && typeof value === 'number' && source !== undefined) digits.set(this, source);
    return value;
  };
  const top = JSON.parse(
    withoutNonFinite(text) ?? text,
    reviver as (this: unknown, key: string, value: unknown) => unknown,
  );
  return digits.get(top);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    if (isUtf16(bytes)) refuseUtf16();
    return refuse('NOT_UTF8', `byte ${validPrefix(bytes)} of the record is not valid UTF-8; encode it as UTF-8`);
  }
}

/** A byte-order mark of UTF-16, or ASCII characters with zero bytes between them. */
function isUtf16(bytes: Uint8Array): boolean {
  const [first, second, third, fourth] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  return bytes.length >= 4 && ((first === 0 && third === 0) || (second === 0 && fourth === 0));
}

function refuseUtf16(): never {
  const wayOut = 'save the file as UTF-8: iconv -f UTF-16 -t UTF-8';
  return refuse('NOT_UTF8', `the record is UTF-16 but must be UTF-8; ${wayOut}`);
}

/** The length of the longest prefix of whole, valid UTF-8 characters, by bisection. */
function validPrefix(bytes: Uint8Array): number {
  /** Bytes to leave out at the end of a prefix so that it does not end inside of a character. */
  const cut = (length: number) => [0, 1, 2, 3].find((less) => isUtf8(bytes.subarray(0, Math.max(0, length - less))));
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (cut(middle) === undefined) high = middle - 1;
    else low = middle;
  }
  return Math.max(0, low - (cut(low) ?? 0));
}
