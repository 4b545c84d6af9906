import { AlphapoError } from '@alphapo/base';
import type { Json, Message } from '@alphapo/data';
import type { ChatTemplate } from './chat-template.ts';

/**
 * Whether the text that a chat template writes has what the messages say. Templates may cut reasoning out of responses, and
 * ignore system messages, tools and calls of tools; training would then be on something else than the record means.
 */

/** What a field of a message says, as parts that have to be in the text. */
interface Said {
  readonly field: string;
  readonly parts: readonly string[];
}

/** Maximum characters of a field in an error. */
const SHOWN_CHARACTERS = 40;

/**
 * The first field of a response that is not in a text, in the order of its messages; undefined: all are there. White space does not
 * count, and text may be written as JSON.
 */
export function missingOfResponse(messages: readonly Message[], text: string, name: string): Said | undefined {
  const region = new Region(text);
  let from = 0;
  for (const [i, message] of messages.entries()) {
    let end = from;
    for (const said of saidIn(message, `${name}[${i}]`)) {
      for (const part of said.parts) {
        const found = region.endOf(part, from);
        if (found === undefined) return said;
        end = Math.max(end, found);
      }
    }
    from = end;
  }
  return undefined;
}

/** Errors: TEMPLATE_DROPS_MESSAGE with the first field of the prompt that is not in its text. Reasoning of earlier turns may be left out. */
export function checkPromptSaid(messages: readonly Message[], text: string): void {
  const region = new Region(text);
  for (const [i, message] of messages.entries()) {
    const said = saidIn(withoutReasoning(message), `prompt[${i}]`);
    const missing = said.find(({ parts }) => parts.some((part) => region.endOf(part, 0) === undefined));
    if (missing !== undefined) throw dropped('TEMPLATE_DROPS_MESSAGE', missing);
  }
}

/** Errors: TEMPLATE_DROPS_TOOLS where the template writes the same without tools, or leaves one out. */
export function checkToolsSaid(
  template: ChatTemplate,
  messages: readonly Message[],
  tools: readonly Json[] | undefined,
  text: string,
): void {
  if (tools === undefined || tools.length === 0) return;
  const without = template.render(messages, { addGenerationPrompt: true });
  const isUnused = without === text;
  const region = new Region(text);
  const at = isUnused ? 0 : tools.findIndex((tool) => region.endOf(nameOf(tool), 0) === undefined);
  if (at < 0) return;
  throw dropped('TEMPLATE_DROPS_TOOLS', { field: isUnused ? 'tools' : `tools[${at}]`, parts: [nameOf(tools[at])] });
}

export function droppedFromResponse(said: Said): AlphapoError {
  return dropped('TEMPLATE_DROPS_RESPONSE', said);
}

function dropped(reason: string, { field, parts }: Said): AlphapoError {
  const text = parts.join(' ').trim();
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  const message = `the chat template leaves out ${field} (${JSON.stringify(shown)}); use a template that renders it, or remove it from the record`;
  return new AlphapoError('invalid-argument', reason, message, { metadata: { field } });
}

/** What stands before `</think>` is reasoning, which templates cut out of turns that are over. */
function withoutReasoning(message: Message): Message {
  const { reasoning_content: _, ...others } = message;
  const { role, content } = message;
  if (role !== 'assistant' || content === null) return others;
  return { ...others, content: content.split('</think>').at(-1) ?? '' };
}

function saidIn({ content, reasoning_content: reasoning, tool_calls: calls }: Message, path: string): readonly Said[] {
  return [
    { field: `${path}.reasoning_content`, parts: [reasoning ?? ''] },
    { field: `${path}.content`, parts: [content ?? ''] },
    ...(calls ?? []).map((call, i) => ({ field: `${path}.tool_calls[${i}]`, parts: partsOfCall(call) })),
  ].map(({ field, parts }) => ({ field, parts: parts.filter((part) => part.trim() !== '') }));
}

/** The name of the function and the values of its arguments. */
function partsOfCall(call: Json): readonly string[] {
  const { function: made = call } = objectOf(call);
  const { arguments: given } = objectOf(made);
  return [nameOf(call), ...leaves(typeof given === 'string' ? parsed(given) : given)];
}

function nameOf(tool: Json | undefined): string {
  const { function: made = tool } = objectOf(tool);
  const { name } = objectOf(made);
  return typeof name === 'string' ? name : '';
}

function leaves(value: Json | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return Number.isSafeInteger(value) ? [String(value)] : [];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(leaves);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function objectOf(value: Json | undefined): Readonly<Record<string, Json>> {
  return value !== null && typeof value === 'object' ? (value as Readonly<Record<string, Json>>) : {};
}

/** A text in which parts are looked for without regard to white space. */
class Region {
  readonly #text: string;

  constructor(text: string) {
    this.#text = squeezed(text);
  }

  /** Where a part ends that begins at or behind a place; undefined: it is not there, neither as it is nor within JSON. */
  endOf(part: string, from: number): number | undefined {
    const once = JSON.stringify(part).slice(1, -1);
    const forms = [part, once, JSON.stringify(once).slice(1, -1), inAscii(once)].map(squeezed);
    for (const form of new Set(forms)) {
      const at = this.#text.indexOf(form, from);
      if (at >= 0) return at + form.length;
    }
    return undefined;
  }
}

const squeezed = (text: string) => text.replace(/\s+/g, '');
const inAscii = (text: string) =>
  text.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
