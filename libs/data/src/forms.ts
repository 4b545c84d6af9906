import type { Draft } from './draft.ts';
import { explicitPrompt, type Responses } from './explicit-prompt.ts';
import { PROMPTS, SIDES, SYSTEMS } from './field-table.ts';
import { splitTexts } from './implicit-prompt.ts';
import { messagesInText, refusePythonList } from './json-text.ts';
import { type Content, contentAt, messagesAt, textAt } from './messages.ts';
import type { RecordFacts } from './preference.ts';
import { type BeforeResponses, readBeforeResponses } from './prompt-fields.ts';
import { refuse } from './record-error.ts';
import type { RecordFields } from './record-fields.ts';
import { refuseForm } from './refused-forms.ts';
import { tokenIds } from './token-ids-form.ts';

/** The forms of a record, by their fields; each becomes one of three kinds of draft. */

export interface Form extends Pick<RecordFacts, 'form' | 'prompt'> {
  readonly draft: Draft;
}

export function formOf(record: RecordFields): Form {
  if (record.has('prompt_ids', 'chosen_ids', 'rejected_ids')) {
    return { form: 'token-ids', prompt: 'explicit', draft: tokenIds(record) };
  }
  const sides =
    SIDES.find((names) => names.every((name) => record.says(name))) ?? SIDES.find((names) => record.has(...names));
  if (sides !== undefined) return pairForm(record, sides);
  if (record.has('text', 'score') && Array.isArray(record.peek('text'))) {
    return { form: 'scored-texts', prompt: 'implicit', draft: scoredTexts(record) };
  }
  return refuseForm(record.names());
}

type SideNames = (typeof SIDES)[number];

function pairForm(record: RecordFields, names: SideNames): Form {
  const responses = responsesOf(record, names);
  const before = readBeforeResponses(record);
  const [main] = before.prompts;
  if (main !== undefined) {
    return { form: formName(main.name, names), prompt: 'explicit', draft: explicitPrompt(before, responses) };
  }
  return { form: names.join('-'), prompt: 'implicit', draft: implicitPrompt(record, before, responses) };
}

function formName(prompt: string, names: SideNames): string {
  if (names[0] === 'preferred_output' && prompt === 'input.messages') return 'openai';
  if (names[0] !== 'chosen') return `${prompt}-${names.join('-')}`;
  if (prompt === 'instruction') return 'alpaca';
  return prompt === 'conversations' ? 'sharegpt' : `${prompt}-chosen-rejected`;
}

/** Both are read as JSON text of messages, or neither: one alone may be a response that is JSON. */
function responsesOf(record: RecordFields, names: SideNames): Responses {
  const [chosen, rejected] = names.map((name) => record.read(name));
  const contents = [chosen, rejected].map((value, i): Content => {
    const name = names[i] as string;
    if (names[0] === 'chosen_messages') return { messages: messagesAt(value, name, record) };
    if (typeof value === 'string') refusePythonList(value, name);
    return contentAt(parsedTogether(chosen, rejected, names)?.[i] ?? value, name, record);
  });
  return { chosen: contents[0] as Content, rejected: contents[1] as Content, names };
}

function parsedTogether(chosen: unknown, rejected: unknown, names: SideNames) {
  const parsed = [chosen, rejected].map((value) => (typeof value === 'string' ? messagesInText(value) : undefined));
  const count = parsed.filter((messages) => messages !== undefined).length;
  if (count !== 1 || typeof chosen !== 'string' || typeof rejected !== 'string') return count > 0 ? parsed : undefined;
  const [one, other] = parsed[0] === undefined ? [names[1], names[0]] : names;
  return refuse('WRONG_TYPE', `${one} is JSON text of messages and ${other} is not; use the same form for both`, one);
}

/** Two transcripts with scores: the one with the higher score is chosen. */
function scoredTexts(record: RecordFields): Draft {
  const texts = record.read('text') as readonly unknown[];
  const score = record.read('score');
  const scores: readonly unknown[] = Array.isArray(score) ? score : [];
  const [first, second] = scores;
  if (texts.length !== 2) refuse('WRONG_TYPE', 'text must be two strings, with two numbers as score', 'text');
  const [a, b] = [textAt(texts[0], 'text[0]'), textAt(texts[1], 'text[1]')];
  if (scores.length !== 2 || !isScore(first) || !isScore(second)) {
    return refuse('WRONG_TYPE', 'score must be two numbers, one for each text', 'score');
  }
  if (first === second) {
    refuse('NO_PREFERENCE', 'both texts have the same score, so neither is preferred; drop ties', 'score');
  }
  return { kind: 'text', ...(first > second ? splitTexts(a, b) : splitTexts(b, a)) };
}

/** JSON has no infinity, but numbers that are too large to be told apart from it. */
const isScore = (score: unknown): score is number => Number.isFinite(score);

/** From whole conversations, or from texts beside which nothing else could be or precede the prompt. */
function implicitPrompt(record: RecordFields, before: BeforeResponses, responses: Responses): Draft {
  const { chosen, rejected, names } = responses;
  if ('messages' in chosen && 'messages' in rejected) return explicitPrompt(before, responses);
  const empty = PROMPTS.find((name) => record.has(name));
  const alone = [...SYSTEMS, 'history', 'tools'].find((name) => record.says(name));
  if (empty !== undefined || alone !== undefined) {
    const why = empty === undefined ? `${alone} needs a prompt after it` : `${empty} has no text`;
    refuse('EMPTY_PROMPT', `the prompt is empty: ${why}; add the prompt, or drop the record`, empty ?? 'prompt');
  }
  if ('messages' in chosen || 'messages' in rejected) {
    return refuse('WRONG_TYPE', `${names.join(' and ')} must both be text or both be messages`, names[1]);
  }
  return { kind: 'text', ...splitTexts(chosen.text, rejected.text) };
}
