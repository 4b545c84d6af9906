/** The offset at which lists and objects of a JSON text nest more than `levels`, or undefined. Any text may be given. */
export function deeperThan(levels: number, json: string): number | undefined {
  let open = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (inString) {
      if (character === '\\') at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '[' || character === '{') {
      if (++open > levels) return at;
    } else if (character === ']' || character === '}') open--;
  }
  return undefined;
}
