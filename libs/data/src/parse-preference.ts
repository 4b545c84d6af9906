import { messageOf } from '@alphapo/base';
import {
  type Content,
  contentField,
  describe,
  type Fields,
  messagesField,
  RecordError,
  refuse,
  stringField,
  tokenIdsField,
} from './fields.ts';
import { splitMessages, splitTexts, withoutPrompt } from './implicit-prompt.ts';
import type { Message, ParsedPreference, Preference } from './preference.ts';

/** A preference before its id and emptiness were looked at. */
type Draft =
  | { readonly kind: 'text'; readonly prompt: string; readonly chosen: string; readonly rejected: string }
  | {
      readonly kind: 'messages';
      readonly prompt: readonly Message[];
      readonly chosen: readonly Message[];
      readonly rejected: readonly Message[];
    }
  | {
      readonly kind: 'tokens';
      readonly prompt: readonly number[];
      readonly chosen: readonly number[];
      readonly rejected: readonly number[];
    };

/**
 * A record of `preferences` in any of the forms of proto/schema/preference.schema.json. Never throws: whatever the bytes
 * are, a record that cannot be trained on comes back with its reason.
 */
export function parsePreference(bytes: Uint8Array | string): ParsedPreference {
  try {
    const fields = objectOf(typeof bytes === 'string' ? bytes : decode(bytes));
    const draft = draftOf(fields);
    checkResponses(draft);
    const id = idOf(fields);
    return { ok: true, preference: (id === undefined ? draft : { ...draft, id }) as Preference };
  } catch (error) {
    if (error instanceof RecordError) return { ok: false, reason: error.reason, message: error.message };
    throw error;
  }
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
  const whole = (length: number) => {
    try {
      const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      return Buffer.byteLength(decoder.decode(bytes.subarray(0, length), { stream: true }));
    } catch {
      return undefined;
    }
  };
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (whole(middle) !== undefined) low = middle;
    else high = middle - 1;
  }
  return whole(low) ?? 0;
}

function objectOf(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse('NOT_JSON', `the record is no JSON: ${messageOf(error)}`);
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  return refuse(
    'NOT_AN_OBJECT',
    `the record must be a JSON object with prompt, chosen and rejected, not ${describe(value)}`,
  );
}

function idOf(fields: Fields): string | undefined {
  const id = fields.id ?? fields.prompt_id;
  if (id === undefined || id === null) return undefined;
  if (typeof id === 'string' || typeof id === 'number') return String(id);
  return refuse('WRONG_TYPE', `id must be a string or a number, not ${describe(id)}`);
}

function draftOf(fields: Fields): Draft {
  const has = (...names: string[]) => names.every((name) => Object.hasOwn(fields, name));
  if (has('prompt_ids', 'chosen_ids', 'rejected_ids')) {
    const [prompt, chosen, rejected] = ['prompt_ids', 'chosen_ids', 'rejected_ids'].map((name) =>
      tokenIdsField(fields, name),
    ) as [readonly number[], readonly number[], readonly number[]];
    return { kind: 'tokens', prompt, chosen, rejected };
  }
  if (has('chosen_messages', 'rejected_messages')) {
    const [chosen, rejected] = [messagesField(fields, 'chosen_messages'), messagesField(fields, 'rejected_messages')];
    return { kind: 'messages', ...splitMessages(chosen, rejected) };
  }
  if (has('text', 'score') && Array.isArray(fields.text)) return scoredTexts(fields);
  if (!has('chosen', 'rejected')) return refuseForm(fields);
  if (has('prompt')) return explicitPrompt(contentField(fields, 'prompt'), fields);
  if (has('conversations')) return explicitPrompt({ messages: messagesField(fields, 'conversations') }, fields);
  if (has('instruction')) return explicitPrompt({ text: instructionOf(fields) }, fields);
  return implicitPrompt(fields);
}

function refuseForm(fields: Fields): never {
  if (['label', 'completion'].some((name) => Object.hasOwn(fields, name))) {
    return refuse('UNPAIRED', 'the record has one response only; a pair needs chosen and rejected');
  }
  const missing = ['chosen', 'rejected'].filter((name) => !Object.hasOwn(fields, name));
  const there = Object.keys(fields).slice(0, 8).join(', ');
  return refuse('MISSING_FIELD', `${missing.join(' and ')} missing; the record has ${there || 'no fields'}`);
}

function instructionOf(fields: Fields): string {
  const instruction = stringField(fields, 'instruction');
  const input = fields.input === undefined ? '' : stringField(fields, 'input');
  return input === '' ? instruction : `${instruction}\n\n${input}`;
}

/** Two transcripts with scores: the one with the higher score is chosen. */
function scoredTexts(fields: Fields): Draft {
  const [texts, scores] = [fields.text, fields.score] as [unknown[], unknown];
  const [a, b] = texts;
  const [first, second] = Array.isArray(scores) ? scores : [];
  if (typeof a !== 'string' || typeof b !== 'string' || typeof first !== 'number' || typeof second !== 'number') {
    return refuse('WRONG_TYPE', 'text must be two strings and score two numbers');
  }
  if (first === second) return refuse('NO_PREFERENCE', 'both texts have the same score, so neither is preferred');
  return { kind: 'text', ...(first > second ? splitTexts(a, b) : splitTexts(b, a)) };
}

/** A prompt of its own. As soon as one part is messages, all are; text stands for the message of its role. */
function explicitPrompt(prompt: Content, fields: Fields): Draft {
  const [chosen, rejected] = [contentField(fields, 'chosen'), contentField(fields, 'rejected')];
  if ('text' in prompt && 'text' in chosen && 'text' in rejected) {
    if (prompt.text === '') refuse('EMPTY_PROMPT', 'prompt is empty');
    return { kind: 'text', prompt: prompt.text, chosen: chosen.text, rejected: rejected.text };
  }
  const messages = (content: Content, role: string) =>
    'text' in content ? [{ role, content: content.text }] : content.messages;
  const promptMessages = messages(prompt, 'user');
  if (promptMessages.length === 0) refuse('EMPTY_PROMPT', 'prompt has no messages');
  return {
    kind: 'messages',
    prompt: promptMessages,
    chosen: withoutPrompt(messages(chosen, 'assistant'), promptMessages),
    rejected: withoutPrompt(messages(rejected, 'assistant'), promptMessages),
  };
}

function implicitPrompt(fields: Fields): Draft {
  const [chosen, rejected] = [contentField(fields, 'chosen'), contentField(fields, 'rejected')];
  if ('text' in chosen && 'text' in rejected) return { kind: 'text', ...splitTexts(chosen.text, rejected.text) };
  if ('messages' in chosen && 'messages' in rejected) {
    return { kind: 'messages', ...splitMessages(chosen.messages, rejected.messages) };
  }
  return refuse('WRONG_TYPE', 'chosen and rejected must both be text or both be messages');
}

/** A response must say something, and the two must differ: otherwise there is nothing to prefer. */
function checkResponses(draft: Draft): void {
  if (draft.kind !== 'tokens' && draft.prompt.length === 0) {
    refuse('EMPTY_PROMPT', 'there is no prompt: chosen and rejected do not begin alike; add a prompt field');
  }
  for (const side of ['chosen', 'rejected'] as const) {
    const response = draft[side];
    const says = draft.kind === 'messages' ? draft[side].some(({ content }) => content !== '') : response.length > 0;
    if (!says) refuse('EMPTY_RESPONSE', `${side} is empty; a response needs at least one token`);
  }
  if (JSON.stringify(draft.chosen) === JSON.stringify(draft.rejected)) {
    refuse('IDENTICAL_RESPONSES', 'chosen and rejected are the same, so neither is preferred');
  }
}
