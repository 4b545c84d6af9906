import { type Content, contentField, type Fields, messagesField, refuse, textAt, tokenIdsField } from './fields.ts';
import { splitMessages, splitTexts, withoutPrompt } from './implicit-prompt.ts';
import type { Message } from './preference.ts';
import { refuseForm } from './refused-forms.ts';

/** The forms of a record, by their fields; each becomes one of three kinds of draft. */

interface Parts<Part> {
  readonly prompt: Part;
  readonly chosen: Part;
  readonly rejected: Part;
}

/** A preference before its id and meaning were looked at. */
export type Draft =
  | ({ readonly kind: 'text' } & Parts<string>)
  | ({ readonly kind: 'messages' } & Parts<readonly Message[]>)
  | ({ readonly kind: 'tokens' } & Parts<readonly number[]>);

export function draftOf(fields: Fields): Draft {
  const has = (...names: string[]) => names.every((name) => Object.hasOwn(fields, name));
  if (has('prompt_ids', 'chosen_ids', 'rejected_ids')) {
    const ids = (name: string) => tokenIdsField(fields, name);
    return { kind: 'tokens', prompt: ids('prompt_ids'), chosen: ids('chosen_ids'), rejected: ids('rejected_ids') };
  }
  if (has('chosen_messages', 'rejected_messages')) {
    const [chosen, rejected] = [messagesField(fields, 'chosen_messages'), messagesField(fields, 'rejected_messages')];
    return { kind: 'messages', ...splitMessages(chosen, rejected) };
  }
  if (!has('chosen', 'rejected')) {
    return has('text', 'score') && Array.isArray(fields.text) ? scoredTexts(fields) : refuseForm(fields);
  }
  if (has('prompt')) return explicitPrompt(contentField(fields, 'prompt'), fields);
  if (has('conversations')) return explicitPrompt({ messages: messagesField(fields, 'conversations') }, fields);
  if (has('instruction')) return explicitPrompt({ text: instructionOf(fields) }, fields);
  return implicitPrompt(fields);
}

function instructionOf(fields: Fields): string {
  const instruction = textAt(fields.instruction, 'instruction');
  const input = fields.input === undefined ? '' : textAt(fields.input, 'input');
  return input === '' ? instruction : `${instruction}\n\n${input}`;
}

/** Two transcripts with scores: the one with the higher score is chosen. */
function scoredTexts(fields: Fields): Draft {
  const [texts, scores] = [fields.text as unknown[], Array.isArray(fields.score) ? fields.score : []];
  const [first, second] = scores as unknown[];
  if (texts.length !== 2) refuse('WRONG_TYPE', 'text must be two strings, with two numbers as score', 'text');
  const [a, b] = [textAt(texts[0], 'text[0]'), textAt(texts[1], 'text[1]')];
  if (scores.length !== 2 || !isScore(first) || !isScore(second)) {
    return refuse('WRONG_TYPE', 'score must be two numbers, one for each text', 'score');
  }
  if (first === second) {
    refuse('NO_PREFERENCE', 'both texts have the same score, so neither is preferred; leave ties out', 'score');
  }
  return { kind: 'text', ...(first > second ? splitTexts(a, b) : splitTexts(b, a)) };
}

/** JSON has no infinity, but numbers that are too large to be told apart from it. */
const isScore = (score: unknown): score is number => Number.isFinite(score);

/** A prompt of its own. As soon as one part is messages, all are; text stands for the message of its role. */
function explicitPrompt(prompt: Content, fields: Fields): Draft {
  const [chosen, rejected] = [contentField(fields, 'chosen'), contentField(fields, 'rejected')];
  if ('text' in prompt && 'text' in chosen && 'text' in rejected) {
    return { kind: 'text', prompt: prompt.text, chosen: chosen.text, rejected: rejected.text };
  }
  const whole = wholeConversations(prompt, chosen, rejected);
  if (whole !== undefined) return { kind: 'messages', ...whole };
  const promptMessages = messagesOf(prompt, 'user');
  return {
    kind: 'messages',
    prompt: promptMessages,
    chosen: withoutPrompt(messagesOf(chosen, 'assistant'), promptMessages),
    rejected: withoutPrompt(messagesOf(rejected, 'assistant'), promptMessages),
  };
}

function messagesOf(content: Content, role: string): readonly Message[] {
  return 'text' in content ? [{ role, content: content.text }] : content.messages;
}

/** Whole conversations beside a text prompt that repeats their last common message, perhaps after a system message. */
function wholeConversations(prompt: Content, chosen: Content, rejected: Content) {
  if (!('text' in prompt) || !('messages' in chosen) || !('messages' in rejected)) return undefined;
  const split = splitMessages(chosen.messages, rejected.messages);
  return split.prompt.at(-1)?.content?.trim() === prompt.text.trim() ? split : undefined;
}

function implicitPrompt(fields: Fields): Draft {
  const [chosen, rejected] = [contentField(fields, 'chosen'), contentField(fields, 'rejected')];
  if ('text' in chosen && 'text' in rejected) return { kind: 'text', ...splitTexts(chosen.text, rejected.text) };
  if ('messages' in chosen && 'messages' in rejected) {
    return { kind: 'messages', ...splitMessages(chosen.messages, rejected.messages) };
  }
  return refuse('WRONG_TYPE', 'chosen and rejected must both be text or both be messages', 'rejected');
}
