/** A number that JSON can write and a double cannot hold: it parses as Infinity. */
const NOT_FINITE = '1e999';

/**
 * The same JSON with NaN, Infinity and -Infinity, which Python's json module writes, as a number that is not finite; undefined
 * where there is none. In time linear in the length.
 */
export function withoutNonFinite(text: string): string | undefined {
  // The next quote or token, and inside a string its next quote or escape.
  const outside = /["NI]/g;
  const inside = /["\\]/g;
  const parts: string[] = [];
  let copied = 0;
  for (let match = outside.exec(text); match !== null; match = outside.exec(text)) {
    if (match[0] === '"') {
      outside.lastIndex = endOfString(text, match.index + 1, inside);
      continue;
    }
    const token = ['NaN', 'Infinity'].find((word) => text.startsWith(word, match.index));
    if (token === undefined) return undefined;
    parts.push(text.slice(copied, match.index), NOT_FINITE);
    copied = match.index + token.length;
    outside.lastIndex = copied;
  }
  return parts.length === 0 ? undefined : [...parts, text.slice(copied)].join('');
}

/** Where the string ends that begins at `from`: after its closing quote, or with the text. */
function endOfString(text: string, from: number, quoteOrEscape: RegExp): number {
  quoteOrEscape.lastIndex = from;
  for (let match = quoteOrEscape.exec(text); match !== null; match = quoteOrEscape.exec(text)) {
    if (match[0] === '"') return match.index + 1;
    quoteOrEscape.lastIndex = match.index + 2;
  }
  return text.length;
}
