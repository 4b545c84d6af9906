import { closestName } from './closest-name.ts';
import { describesMessage, describesRecord, isRowNumber, wordsOf } from './field-names.ts';
import { refuse } from './record-error.ts';

/**
 * The declared fields of records and of their messages. A field is read, or ignored because it does not affect training, or
 * rejected by name: nothing is dropped silently. docs/records.md has the same table.
 */

/** Fields that hold the two responses of a pair, the better one first. */
export const SIDES = [
  ['chosen', 'rejected'],
  ['chosen_messages', 'rejected_messages'],
  ['preferred_output', 'non_preferred_output'],
] as const;

/** Fields that hold the prompt, in the order in which they are looked at. */
export const PROMPTS = [
  'prompt',
  'instruction',
  'question',
  'query',
  'problem',
  'user',
  'input',
  'messages',
  'conversations',
  'conversation',
] as const;

/** Fields that hold the system message. */
export const SYSTEMS = ['system', 'system_prompt', 'system_message'] as const;

/** Fields of a record that are read. */
export const READ: readonly string[] = [
  ...['id', 'prompt_id', 'weight', 'history', 'tools', 'text', 'score', 'prompt_ids', 'chosen_ids', 'rejected_ids'],
  ...SIDES.flat(),
  ...PROMPTS,
  ...SYSTEMS,
];

/** Fields of a message that are read; `reasoning` and `thinking` are other names of reasoning_content. */
export const REASONING = ['reasoning_content', 'reasoning', 'thinking'] as const;
export const READ_IN_MESSAGES: readonly string[] = [
  ...['role', 'content', 'from', 'value', 'name', 'tool_calls', 'tool_call_id', ...REASONING],
  // Whether a message is trained on: read, because it must agree with what AlphaPO trains on.
  ...['weight', 'loss_weight', 'train'],
];

const IN_PROMPT = 'write its content into the prompt';
const TEXT_ONLY = 'only text is trained on; drop the record, or the field if the text is complete without it';
const AS_TOOLS = 'use tools, and tool_calls in messages, instead';
const AS_WEIGHT = "name the pair's weight in the loss weight";
const ALL_TRAINED = 'exactly the tokens of responses are trained on; drop the field, or drop such records';
const AS_TEMPLATE = 'the chat template belongs to the run, not to the record; put its effect into your own template';
const IN_RESPONSES =
  'write the messages in full, and move the common beginning of both responses to the end of the prompt';
const AS_IDS = 'token ids are read from prompt_ids, chosen_ids and rejected_ids';

/** Fields that change what a record means and are not supported, with the way out. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  ...named(
    ['context', 'contexts', 'document', 'documents', 'passage', 'passages', 'knowledge', 'background'],
    IN_PROMPT,
  ),
  ...named(['image', 'images', 'audio', 'audios', 'video', 'videos', 'media', 'multi_modal_data'], TEXT_ONLY),
  ...named(['function', 'functions', 'function_call', 'function_calls', 'tool_choice', 'tool_calls'], AS_TOOLS),
  ...named(['weights', 'sample_weight', 'loss_weight', 'pair_weight', 'importance_weight'], AS_WEIGHT),
  ...named(['mask', 'masks', 'loss_mask', 'assistant_mask', 'assistant_masks', 'train', 'train_on_input'], ALL_TRAINED),
  ...named(
    ['prefix', 'assistant_prefix', 'response_prefix', 'prefill', 'suffix', 'initial_reason_steps'],
    IN_RESPONSES,
  ),
  ...named(['chat_template', 'chat_template_kwargs', 'template', 'enable_thinking', 'reasoning_effort'], AS_TEMPLATE),
  ...named(['input_ids', 'prompt_input_ids', 'chosen_input_ids', 'rejected_input_ids'], AS_IDS),
};

const UNSUPPORTED_IN_MESSAGES: Readonly<Record<string, string>> = {
  ...named(['image', 'images', 'audio', 'audios', 'video', 'videos', 'image_url', 'media'], TEXT_ONLY),
  ...named(['function', 'functions', 'function_call', 'function_calls', 'tools'], AS_TOOLS),
  ...named(['mask', 'masked', 'loss_mask', 'loss', 'training', 'trainable', 'weights'], ALL_TRAINED),
  ...named(['prefix', 'prefill', 'suffix'], IN_RESPONSES),
  ...named(['refusal'], 'write it as content'),
  ...named(['context', 'documents', 'citations'], 'write its text into content'),
  ...named(['thinking_blocks', 'reasoning_details'], 'write the reasoning as reasoning_content'),
};

function named(names: readonly string[], wayOut: string): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, wayOut]));
}

/** Where a field stands: at the top of a record, or in a message (a text part of a message goes by the same table). */
export type FieldLevel = 'record' | 'message';

const LEVELS = {
  record: { read: READ, unsupported: UNSUPPORTED, describes: describesRecord, known: new Map<string, Verdict>() },
  message: {
    read: READ_IN_MESSAGES,
    unsupported: UNSUPPORTED_IN_MESSAGES,
    describes: describesMessage,
    known: new Map<string, Verdict>(),
  },
};

/** What the name of a field says: the way out where it is not supported, and whether it describes its record or message. */
interface Verdict {
  readonly wayOut: string | undefined;
  readonly describes: boolean;
}

/** Records of a file have the same names again and again; more or longer ones are looked at each time. */
const REMEMBERED_NAMES = 1000;
const LONGEST_REMEMBERED = 100;

function verdictOn(level: FieldLevel, name: string): Verdict {
  const { unsupported, describes, known } = LEVELS[level];
  const before = known.get(name);
  if (before !== undefined) return before;
  const plain = wordsOf(name).join('_');
  const wayOut = Object.hasOwn(unsupported, plain) ? unsupported[plain] : undefined;
  const verdict = { wayOut, describes: describes(name) };
  if (known.size < REMEMBERED_NAMES && name.length <= LONGEST_REMEMBERED) known.set(name, verdict);
  return verdict;
}

/** Ignores a field that nothing has read, or rejects it. Reasons: UNSUPPORTED_FIELD, UNKNOWN_FIELD. */
export function checkUnread(level: FieldLevel, name: string, value: unknown, place: string): void {
  if (isEmpty(value)) return;
  const { wayOut, describes } = verdictOn(level, name);
  if (wayOut !== undefined) {
    const advice = `${wayOut}, or ignore it with --ignore-fields ${name}`;
    refuse('UNSUPPORTED_FIELD', `${place} changes what is trained on and is not supported: ${advice}`, place);
  }
  // Beside a pair, a score is only a score.
  if (LEVELS[level].read.includes(name) && name !== 'score') {
    const rule = 'is not read in a record of this form, so its value would be lost';
    refuse('UNSUPPORTED_FIELD', `${place} ${rule}; drop it, or ignore it with --ignore-fields ${name}`, place);
  }
  if (describes || isRowNumber(name, value)) return;
  if (isNoText(value) && !(level === 'record' && isMisspelledWeight(name))) return;
  refuse(
    'UNKNOWN_FIELD',
    `${place} is not a known field, so its value would be lost${wayOutOf(level, name, place)}`,
    place,
  );
}

/** `Weight` or `wieght`: the one number that is read would be lost. `height` is another word, so the first letter counts. */
function isMisspelledWeight(name: string): boolean {
  return /^w/i.test(name) && closestName(name, ['weight']) !== undefined;
}

function wayOutOf(level: FieldLevel, name: string, place: string): string {
  const near = closestName(name, LEVELS[level].read);
  const meant = near === undefined ? '' : ` (did you mean ${near}?)`;
  // --columns renames fields of the record, not what stands inside them.
  const isColumn = level === 'record' && place === name && name !== '';
  const rename = isColumn ? `rename it (--columns ${near ?? 'prompt'}=${name})` : 'rename it';
  return `${meant}; ${rename}, or ignore it with --ignore-fields ${name}`;
}

/** An empty value: null, "", [] or {}. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Nesting depth to which lists and objects of numbers, such as scores, are searched. */
const DEEPEST_NUMBERS = 4;

/** A number or boolean as a table without types has it. */
const WRITTEN_NUMBER = /^\s*(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|true|false|nan)\s*$/i;

/** Numbers and booleans, also as text, in lists and in objects: they are no part of a conversation. */
function isNoText(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return true;
  if (typeof value === 'string') return WRITTEN_NUMBER.test(value);
  if (typeof value !== 'object' || depth === DEEPEST_NUMBERS) return false;
  return Object.values(value).every((item) => isNoText(item, depth + 1));
}
