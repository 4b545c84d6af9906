import { PROMPTS, SYSTEMS } from './field-table.ts';
import { sameText } from './implicit-prompt.ts';
import { jsonInText } from './json-text.ts';
import { type Content, messagesAt, parsedContentAt, textAt } from './messages.ts';
import type { Json, Message } from './preference.ts';
import { describe, refuse } from './record-error.ts';
import type { Fields, RecordFields } from './record-fields.ts';
import { jsonListAt } from './tools.ts';

/** What a record says before the responses. */

/** A field that holds the prompt. */
export interface PromptField {
  readonly name: string;
  readonly content: Content;
}

/** What stands before and beside the prompt. */
export interface Surroundings {
  /** The text of the system message, and the field that has it. */
  readonly system?: { readonly name: string; readonly text: string };
  readonly history: readonly Message[];
  readonly tools: readonly Json[];
}

export interface BeforeResponses extends Surroundings {
  /** Every field that holds a prompt; where there are several, they must agree. */
  readonly prompts: readonly PromptField[];
}

export function readBeforeResponses(record: RecordFields): BeforeResponses {
  const openAi = openAiInput(record);
  const system = systemOf(record);
  return {
    prompts: [...(openAi?.prompts ?? []), ...PROMPTS.flatMap((name) => promptField(name, record))],
    ...(system !== undefined && { system }),
    history: record.says('history') ? turnsAt(record.read('history'), 'history', record) : [],
    tools: toolsOf(record, openAi?.tools),
  };
}

/** OpenAI's `input`: {messages, tools, parallel_tool_calls}. */
function openAiInput(record: RecordFields) {
  const input = record.peek('input');
  if (input === null || typeof input !== 'object' || Array.isArray(input) || !Object.hasOwn(input, 'messages')) {
    return undefined;
  }
  record.read('input');
  const { messages, tools, ...others } = input as Fields;
  for (const [name, value] of Object.entries(others)) record.ignore('record', name, value, 'input');
  const name = 'input.messages';
  return { prompts: [{ name, content: { messages: messagesAt(messages, name, record) } }], tools };
}

function toolsOf(record: RecordFields, inInput: unknown): readonly Json[] {
  const inside = (inInput ?? '') === '' ? [] : jsonListAt(inInput, 'input.tools');
  const outside = record.says('tools') ? jsonListAt(record.read('tools'), 'tools') : [];
  if (inside.length > 0 && outside.length > 0)
    refuse('AMBIGUOUS_PROMPT', 'both tools and input.tools are given; keep one', 'tools');
  return inside.length > 0 ? inside : outside;
}

function systemOf(record: RecordFields): Surroundings['system'] {
  const [first, ...others] = SYSTEMS.filter((name) => record.says(name)).map((name) => ({
    name,
    text: textAt(record.read(name), name),
  }));
  const other = others.find(({ text }) => !sameText(text, first?.text));
  if (first === undefined || other === undefined) return first;
  return refuseAmbiguous(first.name, other.name, 'the system message');
}

function promptField(name: (typeof PROMPTS)[number], record: RecordFields): PromptField[] {
  if (!record.says(name)) return [];
  switch (name) {
    case 'instruction':
      return [{ name, content: instructionOf(record) }];
    case 'input':
      // Beside an instruction it is the second part of it; an object of OpenAI's was read before.
      return record.says('instruction') || record.wasRead(name) ? [] : [contentField(name, record)];
    case 'messages':
    case 'conversations':
      return [{ name, content: { messages: messagesAt(record.read(name), name, record) } }];
    case 'conversation':
      return [{ name, content: { messages: turnsAt(record.read(name), name, record) } }];
    default:
      return [contentField(name, record)];
  }
}

const contentField = (name: string, record: RecordFields): PromptField => ({
  name,
  content: parsedContentAt(record.read(name), name, record),
});

/** Alpaca's instruction, with its input after a blank line. */
function instructionOf(record: RecordFields): Content {
  const value = record.read('instruction');
  if (!record.says('input')) return parsedContentAt(value, 'instruction', record);
  return { text: `${textAt(value, 'instruction')}\n\n${textAt(record.read('input'), 'input')}` };
}

/** Messages, or pairs of what user and assistant said: [user, assistant] or {input, output}; also as JSON text. */
function turnsAt(value: unknown, place: string, record: RecordFields): readonly Message[] {
  const list = typeof value === 'string' ? jsonInText(value) : value;
  if (!Array.isArray(list)) {
    const wanted = 'a list of messages or of [user, assistant] pairs';
    return refuse('WRONG_TYPE', `${place} must be ${wanted}, not ${describe(value)}`, place);
  }
  return list.flatMap((item: unknown, i) => {
    const pair = pairOf(item);
    return pair === undefined ? messagesAt([item], `${place}[${i}]`, record) : exchangeAt(pair, `${place}[${i}]`);
  });
}

function pairOf(item: unknown): readonly [unknown, unknown] | undefined {
  if (Array.isArray(item)) return item.length === 2 ? [item[0], item[1]] : undefined;
  if (item === null || typeof item !== 'object') return undefined;
  const { input, output, ...others } = item as Fields;
  return input !== undefined && Object.keys(others).length === 0 ? [input, output] : undefined;
}

function exchangeAt([user, assistant]: readonly [unknown, unknown], place: string): Message[] {
  const asked: Message = { role: 'user', content: textAt(user, `${place}[0]`) };
  if ((assistant ?? '') === '') return [asked];
  return [asked, { role: 'assistant', content: textAt(assistant, `${place}[1]`) }];
}

export function refuseAmbiguous(first: string, second: string, what = 'the prompt'): never {
  const wayOut = `keep one, or ignore one with --ignore-fields ${second}`;
  return refuse('AMBIGUOUS_PROMPT', `${first} and ${second} differ, but each could be ${what}; ${wayOut}`, second);
}
