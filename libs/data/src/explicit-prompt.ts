import type { Draft } from './draft.ts';
import { indexOfRun, overlap, REPLY_MARK, type SplitMessages, sameText, splitMessages } from './implicit-prompt.ts';
import type { Content } from './messages.ts';
import type { Message } from './preference.ts';
import { type BeforeResponses, type PromptField, refuseAmbiguous, type Surroundings } from './prompt-fields.ts';
import { refuse } from './record-error.ts';

/** Pairs whose prompt has a field of its own, or whose responses are conversations. */

/** The two responses, and the fields that have them. */
export interface Responses {
  readonly chosen: Content;
  readonly rejected: Content;
  readonly names: readonly [string, string];
}

/**
 * As soon as one part is messages, all are; text stands for the message of its role. Text throughout is messages too where
 * the prompt is not called prompt or something stands before it, because that tells who says what.
 *
 * Reasons: AMBIGUOUS_PROMPT where two fields hold different prompts, PROMPT_ENDS_WITH_ASSISTANT, EMPTY_RESPONSE.
 */
export function explicitPrompt(before: BeforeResponses, responses: Responses): Draft {
  const { chosen, rejected } = responses;
  const texts = textsOf(before.prompts);
  if (texts !== undefined && 'text' in chosen && 'text' in rejected) {
    return textPair(before, texts, { chosen: chosen.text, rejected: rejected.text });
  }
  const split = splitConversations(before.prompts, responses);
  const tools = before.tools.length > 0 ? { tools: before.tools } : {};
  return { kind: 'messages', ...split, prompt: withSurroundings(split.prompt, before), ...tools };
}

function textsOf(prompts: readonly PromptField[]): { readonly name: string; readonly text: string }[] | undefined {
  const texts = prompts.flatMap(({ name, content }) => ('text' in content ? [{ name, text: content.text }] : []));
  return texts.length > 0 && texts.length === prompts.length ? texts : undefined;
}

interface TextResponses {
  readonly chosen: string;
  readonly rejected: string;
}

function textPair(
  before: Surroundings,
  [first, ...others]: readonly { readonly name: string; readonly text: string }[],
  responses: TextResponses,
): Draft {
  const { name, text } = first as { name: string; text: string };
  const other = others.find((prompt) => !sameText(prompt.text, text));
  if (other !== undefined) refuseAmbiguous(name, other.name);
  const { chosen, rejected } = withoutPrompt(text, responses);
  const { system, history, tools } = before;
  const alone = system === undefined && history.length === 0 && tools.length === 0;
  if (alone && name === 'prompt') return { kind: 'text', prompt: text, chosen, rejected };
  const said = (role: string, content: string): Message[] => [{ role, content }];
  return {
    kind: 'messages',
    prompt: withSurroundings(said('user', text), before),
    chosen: said('assistant', chosen),
    rejected: said('assistant', rejected),
    ...(tools.length > 0 && { tools }),
    // Without a chat template, a plain text cannot tell turns of a history or tools; the template for such models can.
    ...(history.length === 0 &&
      tools.length === 0 && {
        text: { prompt: system === undefined ? text : `${system.text}\n\n${text}`, chosen, rejected },
      }),
  };
}

/** With fewer words, both responses may begin with the prompt by chance: "Hi" and "Hi there". */
const FEWEST_WORDS = 3;

/** Responses that both begin with the prompt, without it: as with messages, the pair is split where the prompt ends. */
function withoutPrompt(prompt: string, responses: TextResponses): TextResponses {
  const { chosen, rejected } = responses;
  const words = prompt.split(/\s+/).filter((word) => word !== '').length;
  const isLong = words >= FEWEST_WORDS || prompt.trimEnd().endsWith(REPLY_MARK);
  const repeated = isLong && chosen.startsWith(prompt) && rejected.startsWith(prompt);
  return repeated ? { chosen: chosen.slice(prompt.length), rejected: rejected.slice(prompt.length) } : responses;
}

/** Where both responses are whole conversations they have the prompt; else it stands before them. They are split where they part. */
function splitConversations(prompts: readonly PromptField[], responses: Responses): SplitMessages {
  const chosen = messagesOf(responses.chosen, 'assistant', responses.names[0]);
  const rejected = messagesOf(responses.rejected, 'assistant', responses.names[1]);
  const shared = splitMessages(chosen, rejected);
  const whole = [chosen, rejected].every(([first]) => first?.role !== 'assistant');
  if (whole && prompts.every((prompt) => agrees(prompt, shared))) return shared;
  const main = mainPrompt(prompts, [chosen, rejected]);
  if (main === undefined) return shared;
  const repeats = [chosen, rejected].every(
    (side) => overlap(main.messages, side) > 0 || indexOfRun(side, main.messages) >= 0,
  );
  if (whole && shared.prompt.length > 0 && !repeats)
    refuseAmbiguous(main.name, `the beginning of ${responses.names[0]}`);
  if (main.messages.at(-1)?.role === 'assistant') refuseAssistantLast(main.name);
  const split = splitMessages(wholeOf(main.messages, chosen), wholeOf(main.messages, rejected));
  const other = prompts.find((prompt) => !agrees(prompt, split));
  return other === undefined ? split : refuseAmbiguous(main.name, other.name);
}

function messagesOf(content: Content, role: string, name: string): readonly Message[] {
  if ('text' in content) return [{ role, content: content.text }];
  if (content.messages.length > 0) return content.messages;
  return refuse('EMPTY_RESPONSE', `${name} is empty; a response needs at least one token: drop the record`, name);
}

/** The prompt that says most: messages before text. A list that goes on with one of the responses ends before it. */
function mainPrompt(prompts: readonly PromptField[], responses: readonly (readonly Message[])[]) {
  const list = prompts.find(({ content }) => 'messages' in content) ?? prompts[0];
  if (list === undefined) return undefined;
  const { name, content } = list;
  if ('text' in content) return { name, messages: [{ role: 'user', content: content.text }] };
  const { messages } = content;
  const response = responses.find((side) => side.length < messages.length && endsWith(messages, side));
  return { name, messages: response === undefined ? messages : messages.slice(0, -response.length) };
}

const endsWith = (messages: readonly Message[], end: readonly Message[]): boolean =>
  indexOfRun(messages.slice(-end.length), end) === 0;

/** A response with the prompt before it, which it may repeat as a whole or from its last messages on. */
function wholeOf(prompt: readonly Message[], response: readonly Message[]): readonly Message[] {
  if (response.length > prompt.length && indexOfRun(response, prompt) >= 0) return response;
  const repeated = overlap(prompt, response);
  return repeated < response.length ? [...prompt, ...response.slice(repeated)] : [...prompt, ...response];
}

/**
 * Whether a further prompt says nothing else: a text that the user says in the prompt, or messages that stand in the
 * conversation, perhaps with a further response after them.
 */
function agrees({ content }: PromptField, { prompt, chosen, rejected }: SplitMessages): boolean {
  if ('text' in content) {
    return prompt.some((message) => message.role === 'user' && sameText(message.content, content.text));
  }
  const { messages } = content;
  const asked = messages.slice(0, messages.findLastIndex(({ role }) => role !== 'assistant') + 1);
  return [asked, messages].some((run) => [chosen, rejected].some((side) => indexOfRun([...prompt, ...side], run) >= 0));
}

/** The prompt after the system message and the history, unless it has them already. */
function withSurroundings(prompt: readonly Message[], { system, history }: Surroundings): readonly Message[] {
  const [inPrompt, rest] = liftSystem(prompt);
  const [inHistory, past] = liftSystem(history);
  const stated = system && { role: 'system', content: system.text };
  const first = inPrompt ?? inHistory ?? stated;
  const other = [inHistory, stated].find(
    (message) => message !== undefined && !sameText(message.content, first?.content),
  );
  if (other !== undefined) {
    refuseAmbiguous(
      'the system message of the prompt',
      other === stated ? (system?.name ?? '') : 'history',
      'the right one',
    );
  }
  const repeated = rest.length > past.length && indexOfRun(rest, past) === 0;
  return [...(first === undefined ? [] : [first]), ...(repeated ? [] : past), ...rest];
}

const liftSystem = (messages: readonly Message[]): readonly [Message | undefined, readonly Message[]] =>
  ['system', 'developer'].includes(messages[0]?.role ?? '') ? [messages[0], messages.slice(1)] : [undefined, messages];

export function refuseAssistantLast(name: string): never {
  return refuse(
    'PROMPT_ENDS_WITH_ASSISTANT',
    `the last message of ${name} is from the assistant; move it to the start of chosen and rejected, or drop it`,
    name,
  );
}
