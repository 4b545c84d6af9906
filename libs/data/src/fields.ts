import type { Message } from './preference.ts';

/** A record that does not have one of the known forms; caught at the door of the parser. */
export class RecordError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function refuse(reason: string, message: string): never {
  throw new RecordError(reason, message);
}

export type Fields = Readonly<Record<string, unknown>>;

/** What stands in a field: text or messages, in whatever spelling. */
export type Content = { readonly text: string } | { readonly messages: readonly Message[] };

/** Roles by their other names. */
const ROLES: Readonly<Record<string, string>> = {
  human: 'user',
  gpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
};

export function describe(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function stringField(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  return refuse('WRONG_TYPE', `${name} must be a string, not ${describe(value)}`);
}

/** A field that is text, one message or a list of messages. */
export function contentField(fields: Fields, name: string): Content {
  const value = fields[name];
  if (typeof value === 'string') return { text: value };
  if (Array.isArray(value)) return { messages: value.map((item, i) => messageOf(item, `${name}[${i}]`)) };
  if (value !== null && typeof value === 'object') return { messages: [messageOf(value, name)] };
  return refuse('WRONG_TYPE', `${name} must be a string or a list of messages, not ${describe(value)}`);
}

export function messagesField(fields: Fields, name: string): readonly Message[] {
  const content = contentField(fields, name);
  return 'messages' in content ? content.messages : refuse('WRONG_TYPE', `${name} must be a list of messages`);
}

/** A message as {role, content} or as ShareGPT's {from, value}. */
function messageOf(item: unknown, place: string): Message {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) {
    return refuse('WRONG_TYPE', `${place} must be a message {role, content}, not ${describe(item)}`);
  }
  const fields = item as Fields;
  const role = fields.role ?? fields.from;
  if (typeof role !== 'string' || role === '') return refuse('WRONG_TYPE', `${place} needs a role, such as "user"`);
  return { role: ROLES[role] ?? role, content: textOf(fields.content ?? fields.value, `${place}.content`) };
}

/** Text as it is, or as a list of parts of type "text". */
function textOf(content: unknown, place: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return refuse('WRONG_TYPE', `${place} must be a string, not ${describe(content)}`);
  return content
    .map((part: Fields, i) => {
      const text = part?.text ?? part?.value;
      if (part?.type === 'text' && typeof text === 'string') return text;
      return refuse('WRONG_TYPE', `${place}[${i}] must be a part of type "text"; other parts cannot be trained on`);
    })
    .join('');
}

export function tokenIdsField(fields: Fields, name: string): readonly number[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0)) return value;
  return refuse('INVALID_TOKEN_IDS', `${name} must be a list of token ids (integers from 0 on)`);
}
