import type { Draft } from './draft.ts';
import { refuseAssistantLast } from './explicit-prompt.ts';
import { REPLY_MARK } from './implicit-prompt.ts';
import type { Message } from './preference.ts';
import { refuse } from './record-error.ts';
import type { RecordFields } from './record-fields.ts';

/** Whether a draft means a pair that can be trained on. */

type Conversation = Draft & { readonly kind: 'messages' };

/**
 * Reasons: EMPTY_PROMPT, PROMPT_ENDS_WITH_ASSISTANT, EMPTY_RESPONSE, RESPONSE_NOT_ASSISTANT, IDENTICAL_RESPONSES,
 * UNSUPPORTED_FIELD for marks on messages that ask for something else to be trained on.
 */
export function checkMeaning(draft: Draft, marks: RecordFields['marks']): void {
  checkPrompt(draft);
  for (const side of ['chosen', 'rejected'] as const) checkResponse(draft, side);
  if (draft.kind === 'messages') checkMarks(draft, marks);
  if (JSON.stringify(draft.chosen) === JSON.stringify(draft.rejected)) {
    refuse('IDENTICAL_RESPONSES', 'chosen and rejected are the same, so neither is preferred; drop the record');
  }
}

/** Something must stand before the responses, and the assistant must be the next to speak. */
function checkPrompt(draft: Draft): void {
  const says = draft.kind === 'messages' ? draft.prompt.some(saysSomething) : draft.prompt.length > 0;
  if (!says) {
    const missing = 'add a prompt field, or start chosen and rejected with the same prompt';
    refuse('EMPTY_PROMPT', `the prompt is empty; ${missing}`, 'prompt');
  }
  if (draft.kind === 'messages' && draft.prompt.at(-1)?.role === 'assistant') refuseAssistantLast('prompt');
}

/** A response must have content, all of it from the assistant, because all of it is trained on. */
function checkResponse(draft: Draft, side: 'chosen' | 'rejected'): void {
  const says = draft.kind === 'messages' ? draft[side].some(saysSomething) : draft[side].length > 0;
  if (!says) refuse('EMPTY_RESPONSE', `${side} is empty; a response needs at least one token: drop the record`, side);
  if (draft.kind === 'messages') checkSpeakers(draft[side], side);
  // Transcripts in Anthropic's form; other text may tell of humans.
  if (draft.kind === 'text' && draft.prompt.endsWith(REPLY_MARK) && draft[side].includes('\n\nHuman:')) {
    refuseSpeaker(side, 'human', 'later messages');
  }
}

const saysSomething = ({ content, tool_calls, reasoning_content }: Message): boolean =>
  (content ?? '') !== '' || tool_calls !== undefined || reasoning_content !== undefined;

function checkSpeakers(response: readonly Message[], side: string): void {
  const at = response.findIndex(({ role }) => role !== 'assistant');
  if (at < 0) return;
  const where = at === 0 ? 'the first message' : at === response.length - 1 ? 'the last message' : `message ${at + 1}`;
  refuseSpeaker(side, (response[at] as Message).role, where);
}

function refuseSpeaker(side: string, role: string, where: string): never {
  const rule = 'after the shared prompt, only assistant messages are trained on';
  const wayOut = 'end the responses before it, or move the shared part into the prompt';
  return refuse(
    'RESPONSE_NOT_ASSISTANT',
    `${side} has a message with role "${role}" (${where}); ${rule}: ${wayOut}`,
    side,
  );
}

/** Training marks of messages must agree with what AlphaPO does: it trains on responses, not on prompts. */
function checkMarks({ chosen, rejected }: Conversation, marks: RecordFields['marks']): void {
  for (const { message, trained, place } of marks) {
    if (trained === [...chosen, ...rejected].some((response) => response === message)) continue;
    const done = trained ? 'part of the prompt, which is not trained on' : 'part of a response, which is trained on';
    refuse('UNSUPPORTED_FIELD', `${place} contradicts training: the message is ${done}; drop the field`, place);
  }
}
