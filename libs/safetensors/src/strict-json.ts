import { AlphapoError, messageOf } from '@alphapo/base';
import { deeperThan } from './nesting.ts';
import { duplicateKey } from './unique-keys.ts';

/** Headers have three levels, configurations some more. What is deeper would overflow the stack of whoever walks it. */
const MAX_LEVELS = 100;

/**
 * UTF-8 bytes as a JSON object without duplicate keys. Throws NOT_UTF8, NOT_JSON, TOO_DEEP or DUPLICATE_KEY; `place`
 * names the text in messages.
 */
export function parseStrictJson(bytes: Uint8Array, place: string): Record<string, unknown> {
  const text = decodeUtf8(bytes, place);
  const deep = deeperThan(MAX_LEVELS, text);
  if (deep !== undefined)
    throw damaged('TOO_DEEP', `${place} nests more than ${MAX_LEVELS} levels at character ${deep}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged('NOT_JSON', `${place} is not JSON (${messageOf(cause)})`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw damaged('NOT_JSON', `${place} is JSON, but no object`);
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
