/** What reading a JSON text may cost: levels are stack for whoever walks it, parts are memory. */
export interface JsonLimits {
  readonly levels: number;
  /** Objects, lists, and members of objects. */
  readonly parts: number;
}

/** Where a text first goes beyond the limits, or undefined. Looks at brackets and colons only: any text may be given. */
export function beyondLimits(
  json: string,
  limits: JsonLimits,
): { readonly limit: keyof JsonLimits; readonly offset: number } | undefined {
  let levels = 0;
  let parts = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '"':
        at = closingQuote(json, at);
        break;
      case '[':
      case '{':
        if (++levels > limits.levels) return { limit: 'levels', offset: at };
        if (++parts > limits.parts) return { limit: 'parts', offset: at };
        break;
      case ':':
        if (++parts > limits.parts) return { limit: 'parts', offset: at };
        break;
      case ']':
      case '}':
        levels--;
    }
  }
  return undefined;
}

/** The offset of the quote that ends the string which starts at `start`, or the end of the text. */
export function closingQuote(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}
