import type { Message } from './preference.ts';

/** Prompt and responses of two texts or conversations that begin alike. */

const REPLY_MARK = '\n\nAssistant:';

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

/**
 * Splits two conversations after their common messages. The last message of each is always part of its response, and so
 * is what the assistant said directly before they part: a response begins with the assistant's turn.
 */
export function splitMessages(
  chosen: readonly Message[],
  rejected: readonly Message[],
): { prompt: readonly Message[]; chosen: readonly Message[]; rejected: readonly Message[] } {
  const limit = Math.min(chosen.length, rejected.length) - 1;
  let common = 0;
  while (common < limit && sameMessage(chosen[common], rejected[common])) common++;
  while (common > 0 && chosen[common - 1]?.role === 'assistant') common--;
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
