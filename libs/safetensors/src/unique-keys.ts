import { closingQuote } from './json-extent.ts';

/**
 * The first key that an object of a JSON text has twice, with its offset in the text, or undefined.
 *
 * `JSON.parse` keeps the last of equal keys silently, so that two readers of one file may see two models. The text must
 * be valid JSON: parse it first.
 */
export function duplicateKey(json: string): { key: string; offset: number } | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '}') open.pop();
    if (character !== '"') continue;
    const end = closingQuote(json, at) + 1;
    if (isFollowedByColon(json, end)) {
      const key = JSON.parse(json.slice(at, end)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return { key, offset: at };
      keys?.add(key);
    }
    at = end - 1;
  }
  return undefined;
}

function isFollowedByColon(json: string, from: number): boolean {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return json[at] === ':';
}
