import { READ_IN_MESSAGES, REASONING } from './field-table.ts';
import { messagesInText, refusePythonList } from './json-text.ts';
import type { Json, Message } from './preference.ts';
import { describe, refuse } from './record-error.ts';
import type { Fields, RecordFields } from './record-fields.ts';
import { jsonListAt } from './tools.ts';

/** What stands in a field: text or messages, in whatever spelling. */
export type Content = { readonly text: string } | { readonly messages: readonly Message[] };

/** Roles by all the names that records have for them, in any case. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ...['system', 'developer', 'user', 'assistant', 'tool', 'function'].map((role) => [role, role] as const),
  ['human', 'user'],
  ['prompter', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['bot', 'assistant'],
  ['model', 'assistant'],
  ['observation', 'tool'],
]);

export const ROLE_NAMES: readonly string[] = [...ROLES.keys()];

/** Text whose characters all exist: a lone surrogate could not be encoded, so it would not be what is trained on. */
export function textAt(value: unknown, place: string): string {
  if (typeof value !== 'string') {
    return refuse('WRONG_TYPE', `${place} must be a string, not ${describe(value)}`, place);
  }
  if (value.isWellFormed()) return value;
  return refuse('LONE_SURROGATE', `${place} has a lone surrogate; escape the character as a surrogate pair`, place);
}

/** A value that is text, one message or a list of messages. Text stays text, even where it writes messages as JSON. */
export function contentAt(value: unknown, place: string, record: RecordFields): Content {
  if (typeof value === 'string') return { text: textAt(value, place) };
  if (Array.isArray(value)) return { messages: messagesAt(value, place, record) };
  if (value !== null && typeof value === 'object') return { messages: [messageAt(value, place, record)] };
  return refuse('WRONG_TYPE', `${place} must be a string or a list of messages, not ${describe(value)}`, place);
}

/** The same, with messages that are written as JSON text read as messages. */
export function parsedContentAt(value: unknown, place: string, record: RecordFields): Content {
  if (typeof value !== 'string') return contentAt(value, place, record);
  refusePythonList(value, place);
  return contentAt(messagesInText(value) ?? value, place, record);
}

/** A list of messages, also as JSON text. */
export function messagesAt(value: unknown, place: string, record: RecordFields): readonly Message[] {
  const list = typeof value === 'string' ? messagesInText(value) : value;
  if (Array.isArray(list)) return list.map((item, i) => messageAt(item, `${place}[${i}]`, record));
  return refuse('WRONG_TYPE', `${place} must be a list of messages, not ${describe(value)}`, place);
}

/** A message as {role, content} or as ShareGPT's {from, value}. */
function messageAt(item: unknown, place: string, record: RecordFields): Message {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) {
    return refuse('WRONG_TYPE', `${place} must be a message {role, content}, not ${describe(item)}`, place);
  }
  const fields = item as Fields;
  const turn = (fields.role ?? undefined) === undefined && (fields.from ?? undefined) !== undefined;
  const [roleName, contentName] = turn ? ['from', 'value'] : ['role', 'content'];
  const role = roleAt(fields[roleName], place, roleName);
  const calls = (fields.tool_calls ?? '') === '' ? [] : jsonListAt(fields.tool_calls, `${place}.tool_calls`);
  const name = optionalText(fields, 'name', place);
  const callId = optionalText(fields, 'tool_call_id', place);
  const reasoning = reasoningAt(fields, place);
  const message: Message = {
    role,
    content: saidAt(fields[contentName], `${place}.${contentName}`, calls, record),
    ...(name !== undefined && { name }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(callId !== undefined && { tool_call_id: callId }),
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
  };
  const others = turn ? ['role', 'content'] : ['from', 'value'];
  for (const key of Object.keys(fields)) {
    if (others.includes(key) || !READ_IN_MESSAGES.includes(key)) record.ignore('message', key, fields[key], place);
  }
  for (const key of ['weight', 'loss_weight', 'train']) addMark(fields, key, message, place, record);
  return message;
}

function roleAt(name: unknown, place: string, key: string): string {
  if (typeof name !== 'string') return refuse('WRONG_TYPE', `${place} needs a role, such as "user"`, `${place}.${key}`);
  const known = `use one of ${ROLE_NAMES.join(', ')}`;
  return (
    ROLES.get(name) ??
    ROLES.get(name.trim().toLowerCase()) ??
    refuse('UNKNOWN_ROLE', `${place}.${key} is "${name}"; ${known}`, `${place}.${key}`)
  );
}

/** Text as it is, or as a list of parts of type "text"; null beside calls of tools. */
function saidAt(content: unknown, place: string, calls: readonly Json[], record: RecordFields): string | null {
  if (calls.length > 0 && (content ?? null) === null) return null;
  if (content === undefined) return refuse('WRONG_TYPE', `${place} is missing; add its text, or tool_calls`, place);
  if (!Array.isArray(content)) return textAt(content, place);
  return content.map((part: Fields | null, i) => partAt(part, `${place}[${i}]`, record)).join('');
}

function partAt(part: Fields | null, place: string, record: RecordFields): string {
  const key = (part?.text ?? undefined) === undefined ? 'value' : 'text';
  const text = part?.[key];
  if (part?.type !== 'text' || typeof text !== 'string') {
    return refuse('WRONG_TYPE', `${place} must be a part of type "text"; other parts cannot be trained on`, place);
  }
  for (const name of Object.keys(part)) {
    if (name !== 'type' && name !== key) record.ignore('message', name, part[name], place);
  }
  return textAt(text, place);
}

function optionalText(fields: Fields, name: string, place: string): string | undefined {
  const value = fields[name] ?? '';
  return value === '' ? undefined : textAt(value, `${place}.${name}`);
}

/** The reasoning before the content, by any of its names; where two have it, they must agree. */
function reasoningAt(fields: Fields, place: string): string | undefined {
  let found: { readonly name: string; readonly text: string } | undefined;
  for (const name of REASONING) {
    const text = optionalText(fields, name, place);
    if (text === undefined || text === found?.text) continue;
    if (found !== undefined) {
      const both = `${place}.${found.name} and ${place}.${name} differ`;
      refuse('UNSUPPORTED_FIELD', `${both}, but both mean the reasoning; keep one of them`, `${place}.${name}`);
    }
    found = { name, text };
  }
  return found?.text;
}

/** Whether the record wants the message to be trained on; how far that is so is known when the pair is split. */
function addMark(fields: Fields, name: string, message: Message, place: string, record: RecordFields): void {
  const value = fields[name];
  const field = `${place}.${name}`;
  if (value === undefined || value === null) return;
  const trained = Number(value);
  if ((typeof value !== 'number' && typeof value !== 'boolean') || (trained !== 0 && trained !== 1)) {
    refuse('UNSUPPORTED_FIELD', `${field} must be 0 or 1: weights of single messages are not supported`, field);
  }
  record.marks.push({ message, trained: trained === 1, place: field });
}
