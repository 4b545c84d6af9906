import { parseRecordJson } from './python-json.ts';
import { refuse } from './record-error.ts';

/** Fields whose JSON was written as text, as columns of tables have it. */

/** A list of messages, or a message, that a text writes as JSON; undefined where the text is anything else. */
export function messagesInText(text: string): readonly unknown[] | object | undefined {
  const value = jsonInText(text);
  if (Array.isArray(value)) return value.length > 0 && value.every(isMessageLike) ? value : undefined;
  return isMessageLike(value) ? (value as object) : undefined;
}

/** The list or object that a text writes as JSON; undefined where it is anything else. */
export function jsonInText(text: string, parse: (text: string) => unknown = parseRecordJson): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** An object with a role and something that is said. */
function isMessageLike(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  const has = (name: string) => Object.hasOwn(value, name);
  return (has('role') && (has('content') || has('tool_calls'))) || (has('from') && has('value'));
}

/** Messages as Python prints them would be trained on as text. */
export function refusePythonList(text: string, place: string): void {
  if (!/^\s*\[\s*\{\s*'(?:role|content|from|value)'\s*:/.test(text)) return;
  refuse('WRONG_TYPE', `${place} is a Python list written as text; write it as JSON: json.dumps(${place})`, place);
}
