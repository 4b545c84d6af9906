import type { Message } from './preference.ts';

/** Prompt and responses of two texts or conversations that begin alike. */

/** What stands before a response in a transcript in Anthropic's form. */
export const REPLY_MARK = '\n\nAssistant:';

/** Characters after which a line may break though no space follows: East Asian letters and punctuation. */
const BREAKS_AFTER = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]/u;

/**
 * Splits two transcripts after what they have in common: after the last common "Assistant:" where they are transcripts
 * in Anthropic's form, else at the last place within the common part where no word is cut. The prompt loses no white
 * space and the responses begin with theirs, so that prompt + response is the text.
 */
export function splitTexts(chosen: string, rejected: string): { prompt: string; chosen: string; rejected: string } {
  let common = 0;
  while (common < Math.min(chosen.length, rejected.length) && chosen[common] === rejected[common]) common++;
  const mark = chosen.slice(0, common).lastIndexOf(REPLY_MARK);
  const at = mark >= 0 ? mark + REPLY_MARK.length : lastBreak(chosen, common);
  return { prompt: chosen.slice(0, at), chosen: chosen.slice(at), rejected: rejected.slice(at) };
}

/** The last place up to `end` before common white space or after an East Asian character. Never inside a character. */
function lastBreak(text: string, end: number): number {
  for (let i = end; i > 0; i--) {
    if (i < end && /\s/.test(text[i] ?? '')) return i;
    if (BREAKS_AFTER.test(text[i - 1] ?? '')) return i;
  }
  return 0;
}

/** Messages before a response, and the two responses. */
export interface SplitMessages {
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
}

/**
 * Splits two conversations after their common messages. The last message of each is always part of its response, and so
 * is what the assistant said directly before they part: a response begins with the assistant's turn.
 */
export function splitMessages(chosen: readonly Message[], rejected: readonly Message[]): SplitMessages {
  const limit = Math.min(chosen.length, rejected.length) - 1;
  let common = 0;
  while (common < limit && sameMessage(chosen[common], rejected[common])) common++;
  while (common > 0 && chosen[common - 1]?.role === 'assistant') common--;
  return { prompt: chosen.slice(0, common), chosen: chosen.slice(common), rejected: rejected.slice(common) };
}

/** Where `run` stands within the messages; -1 where it does not. An empty run stands nowhere. */
export function indexOfRun(messages: readonly Message[], run: readonly Message[]): number {
  if (run.length === 0) return -1;
  return messages.findIndex((_, at) => run.every((message, i) => sameMessage(messages[at + i], message)));
}

/** How many of the last messages of `before` are what `after` begins with. */
export function overlap(before: readonly Message[], after: readonly Message[]): number {
  for (let count = Math.min(before.length, after.length); count > 0; count--) {
    const start = before.length - count;
    let same = 0;
    while (same < count && sameMessage(before[start + same], after[same])) same++;
    if (same === count) return count;
  }
  return 0;
}

/** White space around a message says nothing about whose it is. */
export const sameText = (a: string | null | undefined, b: string | null | undefined): boolean =>
  a === b || (a ?? '').trim() === (b ?? '').trim();

function sameMessage(a: Message | undefined, b: Message | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.role === b.role && a.content === b.content && sameBeside(a, b);
}

/** Names, calls of tools and reasoning; most messages have none. */
function sameBeside(a: Message, b: Message): boolean {
  const beside = ({ role: _role, content: _content, ...others }: Message) => JSON.stringify(others);
  return (Object.keys(a).length === 2 && Object.keys(b).length === 2) || beside(a) === beside(b);
}
