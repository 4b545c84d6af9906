import { AlphapoError, messageOf } from '@alphapo/base';
import { beyondLimits, type JsonLimits } from './json-extent.ts';
import { duplicateKey } from './unique-keys.ts';

/** Headers have three levels and seven parts a tensor, configurations some more levels. Real files stay far below. */
const LIMITS: JsonLimits = { levels: 100, parts: 5_000_000 };

/**
 * UTF-8 bytes as a JSON object without duplicate keys. Throws NOT_UTF8, TOO_MUCH_JSON, NOT_JSON or DUPLICATE_KEY;
 * `place` names the text in messages.
 */
export function parseStrictJson(bytes: Uint8Array, place: string): Record<string, unknown> {
  const text = decodeUtf8(bytes, place);
  const beyond = beyondLimits(text, LIMITS);
  if (beyond !== undefined) {
    const { limit, offset } = beyond;
    throw damaged('TOO_MUCH_JSON', `${place} has more than ${LIMITS[limit]} ${limit} at character ${offset}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged('NOT_JSON', `${place} is not JSON (${messageOf(cause)})`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw damaged('NOT_JSON', `${place} is JSON, but not an object`);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) {
    const { key, offset } = duplicate;
    throw damaged('DUPLICATE_KEY', `${place} has the key ${JSON.stringify(key)} again at character ${offset}`);
  }
  return value as Record<string, unknown>;
}

function decodeUtf8(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged('NOT_UTF8', `${place} is not UTF-8 text`, cause);
  }
}

function damaged(reason: string, message: string, cause?: unknown): AlphapoError {
  return new AlphapoError('data-loss', reason, `${message}; fetch the file again`, { cause });
}
