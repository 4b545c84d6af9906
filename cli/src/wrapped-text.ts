/** Text wrapped for a terminal. */

/**
 * Wraps paragraphs to a width. Lines that begin with spaces stay lines of their own; what does not fit them hangs below
 * their second column, as in a list of names with explanations.
 */
export function wrapText(text: string, width: number): string {
  return paragraphs(text)
    .map((line) => wrapLine(line, width))
    .join('\n');
}

/** Joins lines that are one paragraph. */
function paragraphs(text: string): string[] {
  const joined: string[] = [];
  for (const line of text.split('\n')) {
    const last = joined.at(-1);
    const continues = last !== undefined && last.trim() !== '' && !last.startsWith(' ') && /^\S/.test(line);
    if (continues) joined[joined.length - 1] = `${last} ${line}`;
    else joined.push(line);
  }
  return joined;
}

function wrapLine(line: string, width: number): string {
  const [start = ''] = /^ *(?:\S+(?: \S+)* {2,})?/.exec(line) ?? [];
  return wrapWords(line.slice(start.length), { first: start, next: ' '.repeat(start.length), width });
}

interface Wrapping {
  /** What the first line begins with, and the others. */
  readonly first: string;
  readonly next: string;
  readonly width: number;
  /** End of a line that continues on the next. */
  readonly goesOn?: string;
}

function wrapWords(text: string, { first, next, width, goesOn = '' }: Wrapping): string {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(/ +/)) {
    if (!empty && line.length + 1 + word.length > width - goesOn.length) {
      lines.push(line + goesOn);
      line = next;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].join('\n').trimEnd();
}

/** Command lines that are wrapped so that a shell reads them as they are shown. */
export function wrapCommands(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => {
      const indent = ' '.repeat(line.length - line.trimStart().length);
      const wrapping = { first: indent, next: `${indent}    `, width, goesOn: indent === '' ? '' : ' \\' };
      return wrapWords(line.trimStart(), wrapping);
    })
    .join('\n');
}
