import { formOf } from './forms.ts';
import { MAX_ID_LENGTH } from './limits.ts';
import { checkMeaning } from './meaning.ts';
import type { ParsedPreference, Preference, RecordOptions } from './preference.ts';
import { describe, RecordError, refuse } from './record-error.ts';
import { RecordFields } from './record-fields.ts';
import { type RecordJson, readJson } from './record-json.ts';

/**
 * A record of `preferences` in any of the forms of proto/schema/preference.schema.json. Never throws: whatever the bytes
 * are, a record that cannot be trained on comes back with its reason.
 */
export function parsePreference(record: Uint8Array | string, options: RecordOptions = {}): ParsedPreference {
  try {
    const json = readJson(record);
    const fields = new RecordFields(json.fields, options.ignoreFields ?? []);
    const { form, prompt, draft } = formOf(fields);
    const [id, weight] = [idOf(fields, json), weightOf(fields)];
    fields.checkUnread();
    checkMeaning(draft, fields.marks);
    const preference = {
      ...draft,
      ...(id !== undefined && { id }),
      ...(weight !== undefined && { weight }),
    } as Preference;
    const facts = { form, prompt, read: fields.readNames(), ignored: fields.ignoredNames() };
    return { ok: true, preference, facts };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    const { reason, message, field } = error;
    return { ok: false, reason, message, ...(field !== undefined && { field }) };
  }
}

/** An empty id is none: the record's place names it then. A number keeps its digits. */
function idOf(fields: RecordFields, json: RecordJson): string | undefined {
  const [id, promptId] = [textId(fields, json, 'id'), textId(fields, json, 'prompt_id')];
  return id ?? promptId;
}

function textId(fields: RecordFields, json: RecordJson, name: string): string | undefined {
  const id = fields.read(name);
  if (id === undefined || id === null || id === '') return undefined;
  if (typeof id !== 'string' && typeof id !== 'number') {
    return refuse('WRONG_TYPE', `${name} must be a string or a number, not ${describe(id)}`, name);
  }
  if (typeof id === 'number' && !Number.isFinite(id)) {
    return refuse('WRONG_TYPE', `${name} is a number that is not finite; write it as a string`, name);
  }
  const exact = typeof id === 'number' && Math.abs(id) > Number.MAX_SAFE_INTEGER ? json.digitsOf(name) : undefined;
  const text = exact ?? String(id);
  if (text.length <= MAX_ID_LENGTH) return text;
  return refuse('ID_TOO_LONG', `${name} has ${text.length} characters; shorten it to ${MAX_ID_LENGTH}`, name);
}

/** What the pair counts in the loss: a positive number, also as text, as columns of tables have it. */
function weightOf(fields: RecordFields): number | undefined {
  const value = fields.read('weight');
  if (value === undefined || value === null || value === '') return undefined;
  const weight = typeof value === 'string' ? Number(value) : value;
  if (typeof weight === 'number' && Number.isFinite(weight) && weight > 0) return weight;
  return refuse(
    'INVALID_WEIGHT',
    `weight must be a finite number above 0, not ${weightAsWritten(value)}; drop the record or its weight`,
    'weight',
  );
}

/** NaN and Infinity are one number to the reader of JSON. */
function weightAsWritten(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'number') return describe(value);
  return Number.isFinite(value) ? String(value) : 'NaN or infinite';
}
