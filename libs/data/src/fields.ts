import { printable } from '@alphapo/base';
import type { Message, RecordReason } from './preference.ts';

/** A record that does not have one of the known forms; caught at the door of the parser. */
export class RecordError extends Error {
  readonly reason: RecordReason;
  readonly field: string | undefined;

  constructor(reason: RecordReason, message: string, field: string | undefined) {
    super(message);
    this.reason = reason;
    this.field = field;
  }
}

export function refuse(reason: RecordReason, message: string, field?: string): never {
  throw new RecordError(reason, printable(message), field);
}

/** Batches and steps name all of their pairs in one record. */
export const MAX_ID_LENGTH = 1000;

export type Fields = Readonly<Record<string, unknown>>;

/** What stands in a field: text or messages, in whatever spelling. */
export type Content = { readonly text: string } | { readonly messages: readonly Message[] };

/** Roles by all the names that records have for them. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ...['system', 'developer', 'user', 'assistant', 'tool', 'function'].map((role) => [role, role] as const),
  ['human', 'user'],
  ['prompter', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['bot', 'assistant'],
  ['model', 'assistant'],
]);

export const ROLE_NAMES: readonly string[] = [...ROLES.keys()];

export function describe(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Text whose characters all exist: a lone surrogate could not be encoded, so it would not be what is trained on. */
export function textAt(value: unknown, place: string): string {
  if (typeof value !== 'string') {
    return refuse('WRONG_TYPE', `${place} must be a string, not ${describe(value)}`, place);
  }
  if (value.isWellFormed()) return value;
  return refuse('LONE_SURROGATE', `${place} has half of a surrogate pair; escape the character as a pair`, place);
}

/** A field that is text, one message or a list of messages. */
export function contentField(fields: Fields, name: string): Content {
  const value = fields[name];
  if (typeof value === 'string') return { text: textAt(value, name) };
  if (Array.isArray(value)) return { messages: messagesField(fields, name) };
  if (value !== null && typeof value === 'object') return { messages: [messageAt(value, name)] };
  return refuse('WRONG_TYPE', `${name} must be a string or a list of messages, not ${describe(value)}`, name);
}

export function messagesField(fields: Fields, name: string): readonly Message[] {
  const value = fields[name];
  if (Array.isArray(value)) return value.map((item, i) => messageAt(item, `${name}[${i}]`));
  return refuse('WRONG_TYPE', `${name} must be a list of messages, not ${describe(value)}`, name);
}

/** A message as {role, content} or as ShareGPT's {from, value}. */
function messageAt(item: unknown, place: string): Message {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) {
    return refuse('WRONG_TYPE', `${place} must be a message {role, content}, not ${describe(item)}`, place);
  }
  const fields = item as Fields;
  const turn = (fields.role ?? undefined) === undefined && (fields.from ?? undefined) !== undefined;
  return turn
    ? { role: roleAt(fields.from, place, 'from'), content: textAt(fields.value, `${place}.value`) }
    : { role: roleAt(fields.role, place, 'role'), content: contentAt(fields.content, `${place}.content`) };
}

function roleAt(name: unknown, place: string, key: string): string {
  if (typeof name !== 'string') return refuse('WRONG_TYPE', `${place} needs a role, such as "user"`, `${place}.${key}`);
  const known = `use one of ${ROLE_NAMES.join(', ')}`;
  return ROLES.get(name) ?? refuse('UNKNOWN_ROLE', `${place}.${key} is "${name}"; ${known}`, `${place}.${key}`);
}

/** Text as it is, or as a list of parts of type "text". */
function contentAt(content: unknown, place: string): string {
  if (!Array.isArray(content)) return textAt(content, place);
  return content.map((part: Fields | null, i) => partAt(part, `${place}[${i}]`)).join('');
}

function partAt(part: Fields | null, place: string): string {
  const text = part?.text ?? part?.value;
  if (part?.type === 'text' && typeof text === 'string') return textAt(text, place);
  return refuse('WRONG_TYPE', `${place} must be a part of type "text"; other parts cannot be trained on`, place);
}

export function tokenIdsField(fields: Fields, name: string): readonly number[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0)) return value;
  return refuse('INVALID_TOKEN_IDS', `${name} must be a list of token ids (integers from 0 on)`, name);
}
