import { isUtf8 } from 'node:buffer';
import { messageOf } from '@alphapo/base';
import { MAX_RECORD_BYTES } from '@alphapo/contracts';
import { describe, type Fields, refuse } from './fields.ts';

/** From the bytes of a record to its fields. */

/** Reasons: LINE_TOO_LONG, NOT_UTF8 with the offset of the first wrong byte, NOT_JSON, NOT_AN_OBJECT. */
export function fieldsOf(record: Uint8Array | string): Fields {
  if (Buffer.byteLength(record) > MAX_RECORD_BYTES) {
    refuse('LINE_TOO_LONG', `the record is longer than ${MAX_RECORD_BYTES} bytes; put one record on a line`);
  }
  let value: unknown;
  try {
    value = JSON.parse(typeof record === 'string' ? record : decode(record));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse('NOT_JSON', `the record is no JSON: ${messageOf(error)}; write one JSON object a record`);
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  return refuse(
    'NOT_AN_OBJECT',
    `the record must be a JSON object with prompt, chosen and rejected, not ${describe(value)}`,
  );
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse('NOT_UTF8', `byte ${validPrefix(bytes)} of the record is not valid UTF-8; encode it as UTF-8`);
  }
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
