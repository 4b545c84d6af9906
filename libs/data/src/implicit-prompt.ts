import type { Message } from './preference.ts';

/** Prompt and responses of two texts or conversations that begin alike. */

const REPLY_MARK = '\n\nAssistant:';

/**
 * Splits two transcripts after what they have in common: after the last common "Assistant:" where they are transcripts
 * in Anthropic's form, else at the last white space within the common part.
 */
export function splitTexts(chosen: string, rejected: string): { prompt: string; chosen: string; rejected: string } {
  let common = 0;
  while (common < Math.min(chosen.length, rejected.length) && chosen[common] === rejected[common]) common++;
  const mark = chosen.slice(0, common).lastIndexOf(REPLY_MARK);
  const at = mark >= 0 ? mark + REPLY_MARK.length : lastSpace(chosen, common);
  return { prompt: chosen.slice(0, at), chosen: chosen.slice(at), rejected: rejected.slice(at) };
}

/** The last place before `end` where a word ends: the split falls before its white space. */
function lastSpace(text: string, end: number): number {
  for (let i = end - 1; i > 0; i--) if (/\s/.test(text[i] ?? '')) return i;
  return 0;
}

/** Splits two conversations after their common messages; the last message of each is always part of its response. */
export function splitMessages(
  chosen: readonly Message[],
  rejected: readonly Message[],
): { prompt: readonly Message[]; chosen: readonly Message[]; rejected: readonly Message[] } {
  const limit = Math.min(chosen.length, rejected.length) - 1;
  let common = 0;
  while (common < limit && sameMessage(chosen[common], rejected[common])) common++;
  return { prompt: chosen.slice(0, common), chosen: chosen.slice(common), rejected: rejected.slice(common) };
}

/** The messages after `prompt`, where a response repeats it. */
export function withoutPrompt(response: readonly Message[], prompt: readonly Message[]): readonly Message[] {
  const repeats = response.length > prompt.length && prompt.every((message, i) => sameMessage(message, response[i]));
  return repeats ? response.slice(prompt.length) : response;
}

function sameMessage(a: Message | undefined, b: Message | undefined): boolean {
  return a?.role === b?.role && a?.content === b?.content;
}
