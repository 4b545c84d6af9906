import type { Draft } from './draft.ts';
import { refuse } from './record-error.ts';
import type { RecordFields } from './record-fields.ts';

/** Token ids are used as they are; the tokenizer checks that it knows them. */
export function tokenIds(record: RecordFields): Draft {
  const ids = (name: string): readonly number[] => {
    const value = record.read(name);
    if (Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0)) return value;
    return refuse('INVALID_TOKEN_IDS', `${name} must be a list of token ids (integers, 0 or more)`, name);
  };
  return { kind: 'tokens', prompt: ids('prompt_ids'), chosen: ids('chosen_ids'), rejected: ids('rejected_ids') };
}
