import { closestName } from './closest-name.ts';
import { refuse } from './record-error.ts';

/** Records that hold no pair: what they are, and what would make a pair of them. */

/** Fields of which a record must have all or none. */
const TOGETHER = [
  ['prompt_ids', 'chosen_ids', 'rejected_ids'],
  ['chosen_messages', 'rejected_messages'],
  ['preferred_output', 'non_preferred_output'],
  ['chosen', 'rejected'],
] as const;

/** Names the form of a record that is none of the accepted ones. */
export function refuseForm(fields: readonly string[]): never {
  const has = (name: string) => fields.includes(name);
  const there = fields.slice(0, 8).join(', ') || 'no fields';
  for (const names of TOGETHER) {
    const missing = names.filter((name) => !has(name));
    if (missing.length === names.length) continue;
    const meant = fields.find((name) => closestName(name, missing) !== undefined);
    const advice = meant === undefined ? '' : `: rename ${meant} to ${closestName(meant, missing)}?`;
    refuse('MISSING_FIELD', `${missing.join(' and ')} missing; the record has ${there}${advice}`, missing[0]);
  }
  if (has('completions')) {
    refuse('STEPWISE_SUPERVISION', 'completions are steps of one response; a pair needs chosen and rejected');
  }
  if (has('completion') || has('label')) {
    refuse(
      'UNPAIRED',
      'the record has only one response; pair two responses to the same prompt as chosen and rejected',
    );
  }
  if (has('text') || has('messages') || has('conversations')) {
    refuse(
      'LANGUAGE_MODELLING',
      'the record is text for language modeling; a pair needs two responses, chosen and rejected',
    );
  }
  if (has('prompt')) refuse('PROMPT_ONLY', 'the record is only a prompt; add two responses, chosen and rejected');
  return refuse(
    'MISSING_FIELD',
    `chosen and rejected missing; the record has ${there}: name the better response chosen and the other rejected`,
    'chosen',
  );
}
