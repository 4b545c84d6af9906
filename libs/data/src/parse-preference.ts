import { describe, type Fields, MAX_ID_LENGTH, RecordError, refuse } from './fields.ts';
import { type Draft, draftOf } from './forms.ts';
import type { Message, ParsedPreference, Preference } from './preference.ts';
import { fieldsOf } from './record-json.ts';

/**
 * A record of `preferences` in any of the forms of proto/schema/preference.schema.json. Never throws: whatever the bytes
 * are, a record that cannot be trained on comes back with its reason.
 */
export function parsePreference(record: Uint8Array | string): ParsedPreference {
  try {
    const fields = fieldsOf(record);
    const draft = draftOf(fields);
    checkPrompt(draft);
    checkResponses(draft);
    const id = idOf(fields);
    const weight = weightOf(fields);
    const preference = {
      ...draft,
      ...(id !== undefined && { id }),
      ...(weight !== undefined && { weight }),
    } as Preference;
    return { ok: true, preference, facts: { form: draft.kind, prompt: 'explicit', read: [], ignored: [] } };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    const { reason, message, field } = error;
    return { ok: false, reason, message, ...(field !== undefined && { field }) };
  }
}

/** An empty id is none: the record's place names it then. */
function idOf(fields: Fields): string | undefined {
  const name = (fields.id ?? undefined) === undefined ? 'prompt_id' : 'id';
  const id = fields[name];
  if (id === undefined || id === null || id === '') return undefined;
  if (typeof id === 'string') {
    if (id.length <= MAX_ID_LENGTH) return id;
    refuse('ID_TOO_LONG', `${name} has ${id.length} characters; shorten it to ${MAX_ID_LENGTH}`, name);
  }
  if (typeof id !== 'number') {
    return refuse('WRONG_TYPE', `${name} must be a string or a number, not ${describe(id)}`, name);
  }
  if (Math.abs(id) <= Number.MAX_SAFE_INTEGER) return String(id);
  return refuse('WRONG_TYPE', `${name} is a number that loses digits; write it as a string`, name);
}

/** What the pair counts in the loss. */
function weightOf({ weight }: Fields): number | undefined {
  if (weight === undefined || weight === null) return undefined;
  if (typeof weight === 'number' && Number.isFinite(weight) && weight >= 0) return weight;
  return refuse('WRONG_TYPE', `weight must be a number, 0 or more, not ${describe(weight)}`, 'weight');
}

/** Something must stand before the responses, and the assistant must be the next to speak. */
function checkPrompt(draft: Draft): void {
  const says = draft.kind === 'messages' ? draft.prompt.some(({ content }) => content !== '') : draft.prompt.length > 0;
  if (!says) {
    const missing = 'give a prompt field, or let chosen and rejected begin with the same prompt';
    refuse('EMPTY_PROMPT', `the prompt is empty; ${missing}`, 'prompt');
  }
  if (draft.kind === 'messages' && draft.prompt.at(-1)?.role === 'assistant') {
    refuse(
      'PROMPT_ENDS_WITH_ASSISTANT',
      'the last message of prompt is from the assistant; move it to the start of chosen and rejected, or drop it',
      'prompt',
    );
  }
}

/** A response must say something, as the assistant, and the two must differ: otherwise there is nothing to prefer. */
function checkResponses(draft: Draft): void {
  for (const side of ['chosen', 'rejected'] as const) {
    const says = draft.kind === 'messages' ? draft[side].some(({ content }) => content !== '') : draft[side].length > 0;
    if (!says) refuse('EMPTY_RESPONSE', `${side} is empty; a response needs at least one token: drop the record`, side);
    if (draft.kind === 'messages') checkSpeaker(draft[side], side);
  }
  if (JSON.stringify(draft.chosen) === JSON.stringify(draft.rejected)) {
    refuse('IDENTICAL_RESPONSES', 'chosen and rejected are the same, so neither is preferred; drop the record');
  }
}

function checkSpeaker(response: readonly Message[], side: string): void {
  const stranger = [response[0], response.at(-1)].find((message) => message?.role !== 'assistant');
  if (stranger === undefined) return;
  const rule = 'after the prompt that both share, a response begins and ends with a message of the assistant';
  refuse('RESPONSE_NOT_ASSISTANT', `${side} begins or ends with a message of "${stranger.role}"; ${rule}`, side);
}
